// check.mjs MESSAGES: as check.py, by jose.
import { readFileSync } from 'node:fs'
import { verify } from './verify.mjs'

const messages = JSON.parse(readFileSync(process.argv[2], 'utf8'))
for (const [number, m] of messages.entries()) {
  let good = true
  try {
    await verify(m.topic, m.key, m.headers, Buffer.from(m.value, 'base64'), m.jwk)
  } catch {
    good = false
  }
  if (good !== m.good) console.log(`message ${number}: ${good ? 'accepted' : 'refused'}`)
}

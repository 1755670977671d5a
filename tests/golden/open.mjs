// open.mjs KEY.pem SEALED: as open.py, by jose.
import { readFileSync } from 'node:fs'
import { compactDecrypt, importPKCS8 } from 'jose'

const key = await importPKCS8(readFileSync(process.argv[2], 'utf8'), 'ECDH-ES')
const opened = []
for (const one of JSON.parse(readFileSync(process.argv[3], 'utf8'))) {
  const { plaintext, protectedHeader: header } = await compactDecrypt(one.jwe, key,
    { keyManagementAlgorithms: ['ECDH-ES'], contentEncryptionAlgorithms: ['A256GCM'] })
  const parties = ['apu', 'apv'].map(name => Buffer.from(header[name], 'base64url').toString())
  if (parties[0] !== one.apu || parties[1] !== one.apv) throw new Error('belongs to another message')
  opened.push(Buffer.from(plaintext).toString('base64'))
}
console.log(JSON.stringify(opened))

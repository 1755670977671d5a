// sign.mjs KEY.pem TEMPLATE: as sign.py, by jose.
import { readFileSync } from 'node:fs'
import { FlattenedSign, calculateJwkThumbprint, exportJWK, importPKCS8 } from 'jose'

const key = await importPKCS8(readFileSync(process.argv[2], 'utf8'), 'EdDSA', { extractable: true })
const m = JSON.parse(readFileSync(process.argv[3], 'utf8'))
const { d, ...jwk } = await exportJWK(key)
const jws = await new FlattenedSign(Buffer.from(m.value, 'base64')).setProtectedHeader({ ...m.headers, topic: m.topic, key: m.key,
  kid: await calculateJwkThumbprint(jwk), alg: 'EdDSA', b64: false, crit: ['b64'] }).sign(key)
console.log(jws.protected + '..' + jws.signature)

// How to check a message in JavaScript with jose: record headers and value as they come from the topic, the signer's JWK.
import { calculateJwkThumbprint, flattenedVerify, importJWK } from 'jose'

export async function verify(topic, key, headers, value, jwk) {
  const [protectedHeader, signature] = headers.jws.split('..')
  const { protectedHeader: signed } = await flattenedVerify({ protected: protectedHeader, payload: value, signature },
    await importJWK(jwk, 'EdDSA'), { algorithms: ['EdDSA'] }) // throws when it does not fit
  const covered = { ...headers, topic, key, kid: await calculateJwkThumbprint(jwk) }
  delete covered.jws
  for (const name in covered) if (signed[name] !== covered[name]) throw new Error('not what was signed: ' + name)
  return JSON.parse(new TextDecoder().decode(value))
}

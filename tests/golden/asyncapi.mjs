// asyncapi.mjs ASYNCAPI MESSAGES: the document is AsyncAPI 3 without an error, its schemas are JSON Schemas of 2020-12, and each of
// MESSAGES (a JSON list of {topic, key, headers, value}, value as base64) is on a channel of it and fits headers and payload.
import { readFileSync } from 'node:fs'
import { Parser, fromFile } from '@asyncapi/parser'
import Ajv from 'ajv/dist/2020.js'

const format = 'application/schema+json;version=draft-2020-12'
const compiled = new Map()
const ajv = () => new Ajv({ strict: true, strictTypes: false, strictRequired: false, allErrors: true }).addVocabulary(['x-parser-schema-id'])
const parser = new Parser()
parser.registerSchemaParser({
  getMimeTypes: () => [format],
  validate: ({ data, path }) => ajv().validateSchema(data) ? [] : ajv().errors.map(error => ({ message: error.message, path })),
  parse: ({ data }) => data,
})

const { document, diagnostics } = await fromFile(parser, process.argv[2]).parse()
for (const one of diagnostics) if (one.severity === 0 || one.code !== 'asyncapi-latest-version') console.log(one.severity, one.code, one.message, one.path.join('.'))
if (!document) process.exit(1)

const schemaOf = one => one.json().schema ?? one.json()

function check(schema, value, what) {
  if (!compiled.has(schema)) compiled.set(schema, ajv().compile(schema))
  const validate = compiled.get(schema)
  if (!validate(value)) console.log(what, JSON.stringify(validate.errors.slice(-1)))
}

const types = new Map()
for (const channel of document.channels().all())
  for (const message of channel.messages().all()) types.set(message.name() + ' ' + channel.address().replace('{prefix}', 'concert'), message)
const seen = new Set()
for (const m of process.argv[3] ? JSON.parse(readFileSync(process.argv[3], 'utf8')) : []) {
  const type = m.headers.ce_type + ' ' + m.topic
  const message = types.get(type)
  if (!message) {
    console.log('no message', type)
    continue
  }
  seen.add(type)
  check(schemaOf(message.headers()), m.headers, `headers of ${m.key}:`)
  check(schemaOf(message.payload()), JSON.parse(Buffer.from(m.value, 'base64').toString()), `value of ${m.key}:`)
}
for (const type of types.keys()) if (process.argv[3] && !seen.has(type)) console.log('no example of', type)

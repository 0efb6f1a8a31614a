/**
 * Protobuf: a record is read by our message type, field numbers decide what is what; of the writer's schema only the name of the
 * message is used, so that another message of the same topic is not taken for ours.
 *
 * In JavaScript: names in lowerCamelCase; int64 and its kin are text (they do not fit a number), enum values are their names, bytes
 * are Uint8Array; fields that were not sent have their Protobuf default, absent messages are null.
 */
import protobuf from 'protobufjs'
import type { Field, Namespace, Type } from 'protobufjs'
import type { SchemaCodec } from './registry-codec.ts'
import { decodeMessageIndex, encodeMessageIndex } from './registry-frame.ts'

/** `messageName`: with its package; default the first message of the file. */
export function protobufCodec(schema: string, messageName?: string): SchemaCodec {
  const file = protobuf.parse(schema, new protobuf.Root(), { alternateCommentMode: true })
  const top = file.package === undefined ? file.root : file.root.lookup(file.package)
  if (!(top instanceof protobuf.Namespace)) throw new Error(`the package ${file.package} is empty`)
  const ours = messageName === undefined ? messageAt(top, [0]) : file.root.lookupType(messageName)
  const prefix = encodeMessageIndex(indexOf(ours))
  return {
    kind: 'PROTOBUF',
    schemaText: schema,
    readerOf: (writer) => {
      const theirs = fileOf(writer)
      return (payload) => {
        const { index, message } = decodeMessageIndex(payload)
        const { fullName } = messageAt(theirs, index)
        if (fullName !== ours.fullName) throw new Error(`the message is ${fullName}, expected ${ours.fullName}`)
        // The plain reader: the one for Buffers takes a string that ends early for whole.
        return ours.toObject(ours.decode(new protobuf.Reader(message)), { longs: String, enums: String, defaults: true })
      }
    },
    writer: () => (value, before) => {
      const problem = misfit(ours, value, ours.name)
      if (problem !== undefined) throw new Error(`the value does not fit the Protobuf schema: ${problem}`)
      return Buffer.concat([before, prefix, ours.encode(ours.fromObject(Object(value))).finish()])
    },
  }
}

const messagesIn = (space: Namespace): Type[] => space.nestedArray.filter((nested) => nested instanceof protobuf.Type)

function messageAt(space: Namespace, index: readonly number[]): Type {
  const [first = -1, ...inner] = index
  const message = messagesIn(space)[first]
  if (message === undefined) throw new Error(`the schema has no message with index ${index.join('.')}`)
  return inner.length === 0 ? message : messageAt(message, inner)
}

function indexOf(message: Type): number[] {
  const outer = message.parent
  if (outer === null) throw new Error(`${message.name} is in no file`)
  const index = messagesIn(outer).indexOf(message)
  return outer instanceof protobuf.Type ? [...indexOf(outer), index] : [index]
}

/** The namespace of the writer's file: the client keeps a message of it. */
function fileOf(writer: unknown): Namespace {
  const message: unknown = typeof writer === 'object' && writer !== null ? Reflect.get(writer, 'message') : undefined
  if (!(message instanceof protobuf.Type)) throw new Error('the registry client gave no Protobuf type')
  let space: Namespace | null = message.parent
  while (space instanceof protobuf.Type) space = space.parent
  if (space === null) throw new Error(`${message.name} is in no file`)
  return space
}

/** Protobuf's own conversion makes 0 of whatever is no number; here it is told. Undefined: all fits. */
function misfit(message: Type, value: unknown, path: string): string | undefined {
  if (typeof value !== 'object' || value === null) return `${path} is no object`
  for (const [name, content] of Object.entries(value)) {
    const field = message.fields[name]
    const here = `${path}.${name}`
    if (field === undefined) return `${here} is no field`
    if (content === undefined || content === null) continue
    const problem = misfitOfField(field, content, here)
    if (problem !== undefined) return problem
  }
  return undefined
}

function misfitOfField(field: Field, content: unknown, path: string): string | undefined {
  if (field.repeated && !Array.isArray(content)) return `${path} is no array`
  if (field.map && (typeof content !== 'object' || content === null)) return `${path} is no map`
  const parts: [string, unknown][] = field.repeated || field.map ? Object.entries(Object(content)) : [['', content]]
  for (const [name, part] of parts) {
    const problem = misfitOfPart(field, part, name === '' ? path : `${path}.${name}`)
    if (problem !== undefined) return problem
  }
  return undefined
}

function misfitOfPart(field: Field, part: unknown, path: string): string | undefined {
  const type = field.resolve().resolvedType
  if (type instanceof protobuf.Type) return misfit(type, part, path)
  if (type instanceof protobuf.Enum) return typeof part === 'string' && part in type.values ? undefined : `${path} is no ${type.name}`
  return isScalar(field.type, part) ? undefined : `${path} is no ${field.type}`
}

function isScalar(type: string, part: unknown): boolean {
  if (type === 'string') return typeof part === 'string'
  if (type === 'bool') return typeof part === 'boolean'
  if (type === 'bytes') return part instanceof Uint8Array
  if (type === 'double' || type === 'float') return typeof part === 'number'
  const unsigned = type.startsWith('u') || type.startsWith('fixed')
  if (type.endsWith('64')) {
    if (typeof part === 'string' ? !/^-?\d{1,20}$/.test(part) : !Number.isSafeInteger(part)) return false
    const whole = BigInt(String(part))
    return unsigned ? BigInt.asUintN(64, whole) === whole : BigInt.asIntN(64, whole) === whole
  }
  return typeof part === 'number' && part === (unsigned ? part >>> 0 : part | 0)
}

/**
 * Formats: how keys and values become bytes and back. Synchronous, so that operators never await; a format that must fetch
 * something first (a schema) says so in `prepareDecode` and `open`.
 */
export interface Format<out Read, in Write = Read> {
  readonly name: string
  /** Throws on bytes that are not of this format; the record is then refused. */
  decode(bytes: Uint8Array): Read
  encode(value: Write): Uint8Array
  /** Called once for each topic before the first use, for formats that must register or fetch schemas. `use`: default 'write'. */
  open?(topic: string, part: 'key' | 'value', use?: 'read' | 'write'): Promise<void>
  /** Undefined: `decode` may be called now. Else wait, then call it. */
  prepareDecode?(bytes: Uint8Array): Promise<void> | undefined
  /** True when null (a tombstone) is a value of this format and not refused. */
  readonly acceptsNull?: boolean
}

/** A format whose types are not known here. */
export interface AnyFormat {
  readonly name: string
  decode(bytes: Uint8Array): unknown
  encode(value: never): Uint8Array
  open?(topic: string, part: 'key' | 'value', use?: 'read' | 'write'): Promise<void>
  prepareDecode?(bytes: Uint8Array): Promise<void> | undefined
  readonly acceptsNull?: boolean
}

/** A rule of style.md that a program can check, and what it says when it is broken. */
import type { SourceFile } from './source-file.ts'

export interface Rule {
  /** The sentence that holds when the rule does. */
  readonly name: string
  /** One line for each place where the file breaks it; empty when it does not, or when it is none of the rule's business. */
  check(file: SourceFile): readonly string[]
}

export function at(file: SourceFile, line: number, what: string): string {
  return `${file.path}:${line} ${what}`
}

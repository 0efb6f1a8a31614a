/** Before any test file: gives the run its folder. Nothing is started here, so unit tests pay nothing for it. */
import { beginTestRun } from './test-run.ts'

export default function setup(): void {
  beginTestRun()
}

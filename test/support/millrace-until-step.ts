/** `millrace <words>` in a process of its own, which kills itself (-9) behind the step that KILL_AT_STEP names; without it, it ends as always. */
import { main } from '../../libs/command/main.ts'
import { realWorld } from '../../libs/command/world.ts'

const killAt = process.env['KILL_AT_STEP']
process.exitCode = await main(process.argv.slice(2), undefined, {
  ...realWorld,
  atStep: (step) => {
    if (step === killAt) process.kill(process.pid, 'SIGKILL')
  },
})

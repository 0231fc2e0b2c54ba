/**
 * A stand-in for the program of a token's child process: a token that refuses every PIN, ends during the login, is one
 * PIN away from locking itself, or cannot even be opened. The file that it is told of as the module, and whose name says
 * which, gets a line for each PIN, or for each attempt to open it.
 */
import { appendFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { basename } from 'node:path';

const FACTS = {
  label: 't',
  manufacturer: 'm',
  model: 'm',
  serial: 's',
  firmware: '1.0',
  flags: 0,
  slotFlags: 0,
};
const FINAL_TRY = 0x20000;

let tries = '';

process.on('message', ([call, operation, args]) => {
  const behaviour = basename(args.module ?? tries);
  if (operation === 'open') {
    tries = args.module;
    if (behaviour === 'vanishes') {
      appendFileSync(tries, 'opened\n');
      process.exit(1);
    }
    const flags = behaviour === 'final-try' ? FINAL_TRY : 0;
    process.send([call, { ...FACTS, maxSessions: 0, mechanisms: [], flags }]);
    return;
  }
  const pipe = new Socket({ fd: 4 });
  pipe.on('data', (pin) => {
    appendFileSync(tries, `${pin}\n`);
    if (behaviour === 'ends') process.exit(1);
    process.send([call, null, { kind: 'pin', reason: 'CKR_PIN_INCORRECT' }]);
  });
});
process.on('disconnect', () => process.exit(0));

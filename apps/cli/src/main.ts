import { Closers } from './closers.js';
import { runCli } from './run-cli.js';

/** How long letting go may take after a signal. */
const END_WITHIN_MS = 20_000;

let interrupted = false;

/** A reader that went away (`| head`) is no error of ours. */
const write = (stream: NodeJS.WriteStream, text: string): void => {
  if (!interrupted) stream.write(text);
};

const flushed = (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise((resolve) => stream.write('', () => resolve()));

const closers = new Closers((error) =>
  write(process.stderr, `claviger: while ending: ${(error as Error).message}\n`),
);

for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
] as const) {
  process.once(signal, () => {
    interrupted = true;
    const end = (): never => process.exit(128 + number);
    setTimeout(end, END_WITHIN_MS);
    void closers.closeAll().then(end);
  });
}

for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

const exitCode = await runCli(process.argv.slice(2), {
  out: (text) => write(process.stdout, text),
  err: (text) => write(process.stderr, text),
  closers,
});
if (!interrupted) {
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  process.exit(exitCode);
}

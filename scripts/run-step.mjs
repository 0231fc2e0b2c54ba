import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The runtime that has ML-DSA, and that the image runs on. */
export const NODE24 = ['npx', '--yes', '--package=node@24', '--', 'node'];

/**
 * Runs a program in the project's folder, found in node_modules/.bin first, and waits for its end.
 *
 * @returns {Promise<{ ok: boolean, output: string, seconds: number }>} all that it wrote, in the order it came
 */
export async function runStep(command, args, environment = {}) {
  const started = performance.now();
  const PATH = `${ROOT}node_modules/.bin:${process.env.PATH}`;
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...process.env, PATH, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => chunks.push(chunk));
  let end;
  try {
    const [code, signal] = await once(child, 'close');
    end = { ok: code === 0, reason: signal ? `ended by ${signal}` : '' };
  } catch (error) {
    end = { ok: false, reason: `cannot be run: ${error.message}` };
  }
  const output = `${Buffer.concat(chunks)}${end.reason && `${command} ${end.reason}\n`}`;
  return { ok: end.ok, output, seconds: (performance.now() - started) / 1000 };
}

/** One line about a finished step, and all it wrote where it failed. */
export function reportStep(name, { ok, output, seconds }, note = '') {
  const line = `${ok ? 'ok    ' : 'FAILED'} ${seconds.toFixed(1).padStart(6)} s  ${name}${note && `  ${note}`}\n`;
  process.stdout.write(ok ? line : `${line}${output.trimEnd().replace(/^/gm, '       │ ')}\n`);
}

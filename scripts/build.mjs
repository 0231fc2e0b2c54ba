/**
 * Builds the programs of nest-cli.json into dist/, when their sources changed since the last build: those of apps/,
 * and the benchmark too when called with `bench`. Says nothing where there is nothing to do; all output goes to
 * stderr, since a program's own output follows.
 *
 * A build goes to a folder beside dist/ and is then moved there: a failed or killed one leaves no half of a
 * program, and a running server loses no file while its successor is built.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const NEEDED_NODE = [20, 19];
const SOURCES = [
  'apps',
  'libs',
  'migrations',
  'package.json',
  'package-lock.json',
  'nest-cli.json',
  'scripts/build.mjs',
];
/** Programs outside of apps/ that are wanted as well. */
const EXTRA = process.argv.slice(2);
const DIST = join(ROOT, 'dist');
const STAMP = join(DIST, '.build-stamp');
const STAGING = 'dist.next-';

const say = (message) => process.stderr.write(`${message}\n`);

class BuildError extends Error {}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > NEEDED_NODE[0] || (major === NEEDED_NODE[0] && minor >= NEEDED_NODE[1])) return;
  throw new BuildError(
    `Claviger needs Node ${NEEDED_NODE.join('.')} or newer, and this is ${process.versions.node}.`,
  );
}

function checkInstalled() {
  if (existsSync(join(ROOT, 'node_modules'))) return;
  throw new BuildError('The dependencies are not installed. Run `npm ci` first.');
}

/** The programs wanted, as `{ name, tsConfigPath, main }`. */
function readPrograms() {
  const { projects } = JSON.parse(readFileSync(join(ROOT, 'nest-cli.json'), 'utf8'));
  return Object.entries(projects)
    .filter(([name, project]) => project.root.startsWith('apps/') || EXTRA.includes(name))
    .map(([name, project]) => ({
      name,
      tsConfigPath: project.compilerOptions.tsConfigPath,
      main: join(DIST, project.sourceRoot, `${project.entryFile}.js`),
    }));
}

/** Files below `path` that go into a build, in a fixed order. */
function* filesOf(path) {
  const entries = readdirSync(join(ROOT, path), { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const child = `${path}/${entry.name}`;
    if (entry.isDirectory()) yield* filesOf(child);
    else if (entry.isFile() && !entry.name.endsWith('.spec.ts')) yield child;
  }
}

/** A digest of all that a build depends on, for the programs of apps/ and for each other one wanted. */
function digestSources() {
  const configs = readdirSync(ROOT).filter((name) => /^tsconfig.*\.json$/.test(name));
  const digests = { apps: digestFiles([...SOURCES, ...configs.sort()]) };
  for (const name of EXTRA) digests[name] = digestFiles([name]);
  return digests;
}

function digestFiles(sources) {
  const hash = createHash('sha256');
  for (const source of sources) {
    const files = /\.\w+$/.test(source) ? [source] : filesOf(source);
    for (const file of files) {
      const content = readFileSync(join(ROOT, file));
      hash.update(`${file}\0${content.length}\0`).update(content);
    }
  }
  return hash.digest('hex');
}

function isBuilt(digests, programs) {
  if (!programs.every(({ main }) => existsSync(main))) return false;
  try {
    const built = JSON.parse(readFileSync(STAMP, 'utf8'));
    return Object.entries(digests).every(([name, digest]) => built[name] === digest);
  } catch {
    return false;
  }
}

/**
 * Runs `work` while no other process does in this folder. The lock is a socket name of Linux's abstract
 * namespace: it leaves no file, and the kernel releases it however its process ends.
 */
async function withLock(work) {
  if (process.platform !== 'linux') return work();
  const path = `\0claviger-build-${createHash('sha256').update(ROOT).digest('hex')}`;
  for (;;) {
    const server = createServer((waiting) => waiting.on('error', () => undefined).unref());
    server.listen({ path });
    try {
      await once(server, 'listening');
      server.unref();
      return await work();
    } catch (error) {
      if (error.code !== 'EADDRINUSE') throw error;
    }
    await endOfHolder(path);
  }
}

/** Resolves when the process that listens there has ended. */
function endOfHolder(path) {
  return new Promise((resolve) => {
    connect({ path })
      .on('error', () => undefined)
      .on('close', resolve)
      .resume();
  });
}

/**
 * Builds one program into `staging` and gives what the compiler complained of; nothing where it succeeded. Types are not
 * checked, which would take as long as the rest, for each program again: `npm run check` does that once for all.
 */
async function compile({ name, tsConfigPath }, staging) {
  const config = join(staging, `tsconfig.${name}.json`);
  const compilerOptions = { rootDir: '..', outDir: '.', noCheck: true };
  writeFileSync(config, JSON.stringify({ extends: `../${tsConfigPath}`, compilerOptions }));
  const nest = join(ROOT, 'node_modules/@nestjs/cli/bin/nest.js');
  const child = spawn(process.execPath, [nest, 'build', name, '--path', relative(ROOT, config)], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const [code, signal] = await once(child, 'close');
  return code === 0 ? undefined : output || `building ${name} ended with ${signal ?? `exit code ${code}`}`;
}

/** Puts what was built where the last build is. */
function replaceDist(staging) {
  const old = join(staging, 'old');
  mkdirSync(old);
  const built = readdirSync(staging, { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && entry.name !== 'old',
  );
  for (const { name } of built) {
    if (existsSync(join(DIST, name))) renameSync(join(DIST, name), join(old, name));
    renameSync(join(staging, name), join(DIST, name));
  }
}

function removeStaging() {
  for (const name of readdirSync(ROOT)) {
    if (name.startsWith(STAGING)) rmSync(join(ROOT, name), { recursive: true, force: true, maxRetries: 5 });
  }
}

async function build(programs, digests) {
  if (!existsSync(join(ROOT, 'node_modules/@nestjs/cli'))) {
    throw new BuildError('The build tools are not installed. Run `npm ci` without --omit=dev.');
  }
  const started = performance.now();
  say('building claviger …');
  rmSync(STAMP, { force: true });
  removeStaging();
  // A name of its own: the compilers of a build that was killed may still be writing.
  const staging = join(ROOT, `${STAGING}${process.pid}`);
  mkdirSync(DIST, { recursive: true });
  mkdirSync(staging);
  writeFileSync(join(staging, '.gitignore'), '*\n');
  try {
    // Both write the libs, with the same bytes.
    const complaints = await Promise.all(programs.map((program) => compile(program, staging)));
    // What the programs share, they complain of alike: one of them is enough to read.
    const complaint = complaints.find((text) => text !== undefined);
    if (complaint !== undefined) throw new BuildError(`${complaint}\nThe build failed.`);
    replaceDist(staging);
    writeFileSync(STAMP, JSON.stringify(digests));
  } finally {
    rmSync(staging, { recursive: true, force: true, maxRetries: 5 });
  }
  say(`built in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

try {
  checkNode();
  checkInstalled();
  const programs = readPrograms();
  if (!isBuilt(digestSources(), programs)) {
    await withLock(async () => {
      const digests = digestSources();
      if (!isBuilt(digests, programs)) await build(programs, digests);
    });
  }
} catch (error) {
  say(error instanceof BuildError ? error.message : error.stack);
  process.exitCode = 1;
}

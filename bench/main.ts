import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Bench, BenchPart, Scale } from './bench-part.js';
import { BATCH_SIGNING } from './cases/batches.js';
import { FLOOR } from './cases/floor.js';
import { KEY_MAKING } from './cases/keys.js';
import { LISTING } from './cases/listing.js';
import { MEMORY } from './cases/memory.js';
import { PROCESSES } from './cases/processes.js';
import { SIGNING } from './cases/signing.js';
import { TOKEN } from './cases/token.js';
import { VERIFYING } from './cases/verifying.js';
import { describeMachine } from './machine.js';
import { asMarkdown } from './markdown.js';
import { Meter } from './measure.js';
import { OpenSslSpeeds } from './openssl.js';
import { Report } from './report.js';
import { ServerPairs } from './server-pair.js';
import { Stage } from './stage.js';

const PARTS: readonly BenchPart[] = [
  FLOOR,
  SIGNING,
  VERIFYING,
  BATCH_SIGNING,
  MEMORY,
  PROCESSES,
  TOKEN,
  KEY_MAKING,
  LISTING,
];

const USAGE = `npm run bench -- [--only <part>,…] [--folder <path>] [--out <folder>] [--seconds 0.9] [--turns 4] [--keys 1000000]

parts: ${PARTS.map(({ name }) => name).join(', ')}
`;

function readArguments(): { parts: readonly BenchPart[]; scale: Scale; folder?: string; out: string } {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      folder: { type: 'string' },
      out: { type: 'string', default: 'bench/results' },
      seconds: { type: 'string', default: '0.9' },
      turns: { type: 'string', default: '4' },
      keys: { type: 'string', default: '1000000' },
      tenants: { type: 'string', default: '1000' },
      requests: { type: 'string', default: '200000' },
    },
  });
  const wanted = values.only?.split(',') ?? PARTS.map(({ name }) => name);
  const unknown = wanted.filter((name) => !PARTS.some((part) => part.name === name));
  const scale = {
    seconds: Number(values.seconds),
    turns: Number(values.turns),
    keys: Number(values.keys),
    tenants: Number(values.tenants),
    requests: Number(values.requests),
  };
  if (unknown.length > 0 || Object.values(scale).some((value) => !(value > 0))) {
    throw new RangeError(USAGE);
  }
  return {
    parts: PARTS.filter(({ name }) => wanted.includes(name)),
    scale,
    ...(values.folder !== undefined && { folder: values.folder }),
    out: values.out,
  };
}

async function main(): Promise<void> {
  const { parts, scale, folder, out } = readArguments();
  const report = new Report((line) => void process.stdout.write(`${line}\n`));
  const stage = await Stage.open(folder);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void stage.close().finally(() => process.exit(1)));
  }
  try {
    const machine = await describeMachine(stage.owner);
    const meter = new Meter(stage, scale.seconds);
    const pairs = new ServerPairs(stage, meter);
    const bench: Bench = { stage, meter, pairs, speeds: new OpenSslSpeeds(), report, scale };
    for (const part of parts) {
      if (!part.paired) await pairs.stop();
      report.begin(part.title);
      const since = performance.now();
      await part.run(bench);
      process.stdout.write(`  ${((performance.now() - since) / 1_000).toFixed(0)} s\n`);
    }
    mkdirSync(out, { recursive: true });
    const file = `${out}/${report.startedAt.toISOString().slice(0, 10)}`;
    writeFileSync(`${file}.json`, report.asJson(machine));
    writeFileSync(`${file}.md`, asMarkdown(report, machine));
    const tookS = (Date.now() - report.startedAt.getTime()) / 1_000;
    process.stdout.write(`\n${tookS.toFixed(0)} s; written to ${file}.json and ${file}.md\n`);
  } finally {
    await stage.close();
  }
  process.exitCode = report.isSound ? 0 : 1;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof RangeError ? error.message : String((error as Error).stack)}\n`);
  process.exit(1);
});

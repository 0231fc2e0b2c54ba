import type { Machine } from './machine.js';
import { number, type Demand, type Proof, type Report, type Row } from './report.js';

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const shown = (value: number | undefined): string => (value === undefined ? '' : number(value));

const rowCells = ({ name, figures, ratios }: Row): string[] => [
  name,
  shown(figures.perSecond),
  shown(figures.p50Ms),
  shown(figures.p99Ms),
  shown(figures.cpuUs),
  shown(figures.databaseCpuUs),
  Object.entries(ratios)
    .map(([to, value]) => `${number(value)} × ${to}`)
    .join('<br>'),
];

const demandCells = ({ part, name, value, limit }: Demand): string[] => [
  part,
  name,
  number(value),
  number(limit),
  value <= limit ? 'yes' : '**no**',
];

const proofCells = ({ part, name, holds, evidence }: Proof): string[] => [
  part,
  name,
  `${evidence}${holds ? '' : ' (**does not hold**)'}`,
];

const FIGURES = ['case', 'per second', 'p50 ms', 'p99 ms', 'API µs', 'database µs', 'in proportion'];

/** The run as a page: absolute figures belong to the machine, proportions to the program. */
export function asMarkdown({ startedAt, rows, demands, proofs }: Report, machine: Machine): string {
  const { processor, cores, memoryGiB, node, nodeOpenSsl, openssl, postgresql, loadBefore } = machine;
  const parts = [...new Set(rows.map(({ part }) => part))];
  return `${[
    `# Benchmark of ${startedAt.toISOString().slice(0, 10)}`,
    `${processor}, ${cores} cores, ${memoryGiB} GiB; Node ${node} (OpenSSL ${nodeOpenSsl}), openssl ${openssl}, PostgreSQL ${postgresql}; load before the run ${loadBefore}. The load comes from a process on the same machine. µs are processor time per request.`,
    '## What must hold',
    table(['part', 'figure', 'measured', 'at most', 'holds'], demands.map(demandCells)),
    ...parts.flatMap((part) => [
      `## ${part}`,
      table(FIGURES, rows.filter((row) => row.part === part).map(rowCells)),
    ]),
    '## What shows that nothing was left out',
    table(['part', 'what', 'evidence'], proofs.map(proofCells)),
  ].join('\n\n')}\n`;
}

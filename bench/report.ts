import type { Machine } from './machine.js';
import type { Figures } from './measure.js';

/** A measured case, and what it is in proportion to limits of the same machine in the same run. */
export interface Row {
  readonly part: string;
  readonly name: string;
  readonly figures: Partial<Figures>;
  /** By what is compared with. */
  readonly ratios: Readonly<Record<string, number>>;
}

/** What must hold of the figures. */
export interface Demand {
  readonly part: string;
  readonly name: string;
  readonly value: number;
  /** The highest value that is good. */
  readonly limit: number;
}

/** What shows that nothing was left out to be fast. A run in which one fails ends with 1. */
export interface Proof {
  readonly part: string;
  readonly name: string;
  readonly holds: boolean;
  readonly evidence: string;
}

/** All that a run found. */
export class Report {
  readonly rows: Row[] = [];
  readonly demands: Demand[] = [];
  readonly proofs: Proof[] = [];
  #part = '';

  constructor(
    private readonly say: (line: string) => void,
    readonly startedAt: Date = new Date(),
  ) {}

  begin(part: string): void {
    this.#part = part;
    this.say(`\n${part}`);
  }

  row(name: string, figures: Partial<Figures>, ratios: Readonly<Record<string, number>> = {}): void {
    this.rows.push({ part: this.#part, name, figures, ratios });
    this.say(`  ${name.padEnd(44)} ${rowText(figures)}  ${ratioText(ratios)}`);
  }

  demand(name: string, value: number, limit: number): void {
    this.demands.push({ part: this.#part, name, value, limit });
    this.say(`  ${value <= limit ? 'holds ' : 'FAILS '} ${name}: ${number(value)} ≤ ${number(limit)}`);
  }

  proof(name: string, holds: boolean, evidence: string): void {
    this.proofs.push({ part: this.#part, name, holds, evidence });
    this.say(`  ${holds ? 'proved' : 'FALSE '} ${name}: ${evidence}`);
  }

  get isSound(): boolean {
    return this.proofs.every(({ holds }) => holds);
  }

  asJson(machine: Machine): string {
    const { rows, demands, proofs } = this;
    const startedAt = this.startedAt.toISOString();
    return `${JSON.stringify({ startedAt, machine, rows, demands, proofs }, round, 2)}\n`;
  }
}

/** Four significant digits say all that a shared machine can. */
const round = (_: string, value: unknown): unknown =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;

/** A figure as people read it. */
export const number = (value: number): string =>
  Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);

function rowText({ perSecond, p50Ms, p99Ms, cpuUs, databaseCpuUs }: Partial<Figures>): string {
  const parts = [
    perSecond !== undefined && `${number(perSecond)}/s`,
    p50Ms !== undefined && `p50 ${number(p50Ms)} ms`,
    p99Ms !== undefined && `p99 ${number(p99Ms)} ms`,
    cpuUs !== undefined && `cpu ${number(cpuUs)} µs`,
    databaseCpuUs !== undefined && `db ${number(databaseCpuUs)} µs`,
  ];
  return parts.filter(Boolean).join('  ');
}

const ratioText = (ratios: Readonly<Record<string, number>>): string =>
  Object.entries(ratios)
    .map(([name, value]) => `${number(value)} × ${name}`)
    .join(', ');

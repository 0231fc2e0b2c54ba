import type { KeptAnswer, LoadPlan } from './load/load-plan.js';
import type { ServerProcess } from './servers/server-process.js';
import type { Stage } from './stage.js';

/** What a case costs. Times per request. */
export interface Figures {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** User and system time of the API's processes: all threads, garbage collection and audit included. */
  readonly cpuUs: number;
  /** The same of the database's processes. */
  readonly databaseCpuUs: number;
  /** Resident memory of the API's processes at the end, in MiB. */
  readonly residentMiB: number;
}

export interface LoadCase extends Pick<LoadPlan, 'requests' | 'connections' | 'token' | 'pace'> {
  readonly servers: readonly ServerProcess[];
  /** Length of the measured window; the run's own unless said. */
  readonly seconds?: number;
  /** How many answers to look at afterwards. */
  readonly keep?: number;
  /** The one status that every answer must have. */
  readonly status?: number;
}

export interface Outcome {
  readonly figures: Figures;
  /** Those of each turn; one, where nothing was compared. */
  readonly turns: readonly Figures[];
  readonly kept: readonly KeptAnswer[];
  /** Answers in all, those outside the window too. */
  readonly answered: number;
}

const WARM_UP_SHARE = 0.25;
/** Windows that a fresh process is run before it is measured. */
const WARM_UPS = 3;

/** Puts load on servers and reads what it costs them. */
export class Meter {
  constructor(
    private readonly stage: Stage,
    private readonly seconds: number,
  ) {}

  /** Throws where an answer has another status than it must have: a refusal is cheaper than the work. */
  async measure(one: LoadCase): Promise<Outcome> {
    const { servers, seconds = this.seconds, status = 200 } = one;
    const usage = (): { api: number; database: number } => ({
      api: servers.reduce((sum, server) => sum + server.cpuSeconds(), 0),
      database: this.stage.databaseCpuSeconds(),
    });
    let before = usage();
    let after = before;
    const report = await this.stage.load.run(
      {
        ports: servers.map(({ port }) => port),
        requests: one.requests,
        connections: one.connections,
        ...(one.token !== undefined && { token: one.token }),
        ...(one.pace && { pace: one.pace }),
        warmUpMs: seconds * 1_000 * WARM_UP_SHARE,
        until: { ms: seconds * 1_000 },
        keep: one.keep ?? 0,
      },
      { opened: () => (before = usage()), closed: () => (after = usage()) },
    );
    const { [status]: answered = 0, ...others } = report.statuses;
    if (Object.keys(others).length > 0) {
      throw new Error(`answers other than ${status}: ${JSON.stringify(report.statuses)}`);
    }
    const figures = {
      requests: report.answers,
      perSecond: (report.answers / report.windowMs) * 1_000,
      p50Ms: report.p50Ms,
      p99Ms: report.p99Ms,
      cpuUs: ((after.api - before.api) / report.answers) * 1e6,
      databaseCpuUs: ((after.database - before.database) / report.answers) * 1e6,
      residentMiB: servers.reduce((sum, server) => sum + server.residentMiB(), 0),
    };
    return { figures, turns: [figures], kept: report.kept, answered };
  }

  /**
   * Runs cases unmeasured until caches are filled and hot functions compiled: a fresh process takes twice the
   * processor time for its first ten thousand requests.
   */
  async warmUp(...cases: readonly LoadCase[]): Promise<void> {
    for (const one of cases) await this.measure({ ...one, seconds: this.seconds * WARM_UPS });
  }

  /**
   * Measures cases that are to be compared in turns, so that what disturbs the machine disturbs them alike, and back and
   * forth, so that none is always the first after a rest of its server. Figures are medians over the turns.
   * `beforeEach` runs before each turn, for what is compared with and is no load.
   */
  async compare<Cases extends { readonly [Name in keyof Cases]?: LoadCase }>(
    cases: Cases,
    turns: number,
    beforeEach: () => Promise<void> = async () => undefined,
  ): Promise<{ [Name in keyof Cases]: Outcome }> {
    const entries = Object.entries(cases) as [keyof Cases, LoadCase][];
    const outcomes = new Map<keyof Cases, Outcome[]>(entries.map(([name]) => [name, []]));
    for (let turn = 0; turn < turns; turn += 1) {
      await beforeEach();
      const order = turn % 2 === 0 ? entries : entries.toReversed();
      for (const [name, one] of order) outcomes.get(name)?.push(await this.measure(one));
    }
    const merged = entries.map(([name]) => [name, merge(outcomes.get(name)!)] as const);
    return Object.fromEntries(merged) as { [Name in keyof Cases]: Outcome };
  }
}

/** Several measurements of one case as one: medians, over all their turns. */
export function merge(outcomes: readonly Outcome[]): Outcome {
  const turns = outcomes.flatMap((outcome) => outcome.turns);
  const typical = (pick: (figures: Figures) => number): number => median(turns.map(pick));
  return {
    figures: {
      requests: outcomes.reduce((sum, { figures }) => sum + figures.requests, 0),
      perSecond: typical((figures) => figures.perSecond),
      p50Ms: typical((figures) => figures.p50Ms),
      p99Ms: typical((figures) => figures.p99Ms),
      cpuUs: typical((figures) => figures.cpuUs),
      databaseCpuUs: typical((figures) => figures.databaseCpuUs),
      residentMiB: typical((figures) => figures.residentMiB),
    },
    turns,
    kept: outcomes.flatMap(({ kept }) => kept),
    answered: outcomes.reduce((sum, { answered }) => sum + answered, 0),
  };
}

/**
 * The median over the turns of what `relate` makes of the processor time of two cases in the same turn, in microseconds:
 * what slows the machine for longer than a turn cancels out.
 */
export function relateTurns(
  one: Outcome,
  other: Outcome,
  relate: (one: number, other: number, turn: number) => number,
): number {
  return median(one.turns.map(({ cpuUs }, turn) => relate(cpuUs, other.turns[turn]!.cpuUs, turn)));
}

/** The middle one; of an even number, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
}

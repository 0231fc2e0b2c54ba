import type { ApiClient } from '../api-client.js';
import { timeStatement, type BareFigures } from '../bare-statement.js';
import type { Bench, BenchPart } from '../bench-part.js';
import { median, type Figures, type LoadCase } from '../measure.js';
import { VALUES } from '../seed/listed-keys.js';
import { checkSeed, LARGE, seedListing } from '../seed/seed-listing.js';
import type { ServerProcess } from '../servers/server-process.js';

const KEYS = '/api/kms/v1/keys';
const LIMIT = 50;
const FAR = 5_000;
/** Connections of the warm-up: more than measured, for the code to be compiled sooner. */
const WARMING = 8;
/** The longest page that may be asked for. */
const LARGEST = 200;
/** Filters are many: a short look at each. */
const LOOK_S = 0.15;
/** Filters that are answered soon, by the ways that others are answered by. */
const QUICK = [
  'tags[ct]absent',
  'tags[ct]newest;metadata.class[eq]newest',
  'tags[ct]class-1;state[eq]disabled',
];
const SHOWN = 5;
const FILTER_MS = 50;
/** Marks of a third of the keys each, in one state. */
const NEVER_TOGETHER = ['t:class-1', 'm:5:class=c2'];
const STATS_MS = 5;
/** The listing's own limit is a second for its statements together; the rest is HTTP and a first plan. */
const TIME_LIMIT_MS = 1_250;

interface Page {
  readonly next_bookmark: string;
  readonly list: readonly { readonly key_id: string }[];
}

interface Listing {
  readonly bench: Bench;
  readonly api: ServerProcess;
  readonly client: ApiClient;
}

const query = (parameters: Readonly<Record<string, string>>): string =>
  `?${new URLSearchParams(parameters).toString()}`;

/** The page after a bookmark, which stays good for another limit; the first without one. */
const pageAfter = (bookmark: string, limit: number): string =>
  `${KEYS}${query({ ...(bookmark !== '' && { bookmark }), limit: String(limit) })}`;

const loadOf = ({ api, client }: Listing, paths: readonly string[]): LoadCase => ({
  servers: [api],
  token: client.token,
  connections: 1,
  requests: paths.map((path) => ({ method: 'GET' as const, path })),
});

const look = async (listing: Listing, path: string, seconds: number): Promise<Figures> =>
  (await listing.bench.meter.measure({ ...loadOf(listing, [path]), seconds })).figures;

const filtered = (filter: string): string =>
  `${KEYS}${query({ ...(filter && { filter }), limit: String(LIMIT) })}`;

/** Some hundred requests a second are too few for V8: so many windows, on more connections than are measured. */
async function warmUp(listing: Listing, filters: readonly string[], windows = 1): Promise<void> {
  const load = { ...loadOf(listing, filters.map(filtered)), connections: WARMING };
  await listing.bench.meter.warmUp(...Array.from({ length: windows }, () => load));
}

async function run(bench: Bench): Promise<void> {
  const { stage, report } = bench;
  const api = await stage.start();
  const client = await stage.client(api, LARGE);
  const since = performance.now();
  await seedListing(stage, bench.scale);
  const seed = await checkSeed(stage);
  report.proof('the keys are stored as the product stores them', seed.holds, seed.evidence);
  report.row(`filled in ${((performance.now() - since) / 1_000).toFixed(0)} s`, {});
  const listing = { bench, api, client };
  await warmUp(listing, ['', 'tags[ct]absent', 'tags[ct]class-1', 'tags[ct]newest;metadata.class[eq]newest']);
  await pages(listing);
  await warmUp(listing, QUICK, 2);
  await filters(listing);
  await unindexed(listing);
  await statistics(listing);
  await stage.stop(api);
}

/** Page 1 and page 5,000, by the default order. */
async function pages(listing: Listing): Promise<void> {
  const { bench, client } = listing;
  const { stage, report, scale } = bench;
  const seen = new Set<string>();
  let walked = 0;
  let bookmark = '';
  while (walked < (FAR - 1) * LIMIT) {
    const path = pageAfter(bookmark, Math.min(LARGEST, (FAR - 1) * LIMIT - walked));
    const { list, next_bookmark: next } = await client.call<Page>('GET', path);
    if (next === '') break;
    for (const { key_id: id } of list) seen.add(id);
    walked += list.length;
    bookmark = next;
  }
  const [first, far] = [pageAfter('', LIMIT), pageAfter(bookmark, LIMIT)];
  const number = walked / LIMIT + 1;
  report.proof(
    `the pages before page ${number} have no key twice`,
    walked > 0 && seen.size === walked,
    `${seen.size} of ${walked}`,
  );
  const page = (path: string): LoadCase => ({ ...loadOf(listing, [path]), seconds: scale.seconds / 2 });
  const turns = Math.ceil(scale.turns * 1.5);
  const { one, many } = await bench.meter.compare({ one: page(first), many: page(far) }, turns);
  const ratio = median(many.turns.map(({ p50Ms }, turn) => p50Ms / one.turns[turn]!.p50Ms));
  const app = await stage.connectAsApp();
  const text = `SELECT * FROM kms_key WHERE tenant_id = $1 AND state <> 'destroyed' ORDER BY creation_ts, key_id LIMIT 51`;
  const bare = await timeStatement(app, { tenant: LARGE, text, params: [LARGE] }, scale.seconds / 2);
  await app.end();
  report.row('the statement of page 1 alone', bare);
  report.row('page 1', one.figures, { 'bare statement': one.figures.p50Ms / bare.p50Ms });
  report.row(`page ${number}`, many.figures, { 'page 1': ratio });
  report.demand('a far page ÷ page 1, p50', ratio, 1.2);
}

/** Each indexed equality, and each pair of them: a third, never together, only the newest, none. */
async function filters(listing: Listing): Promise<void> {
  const { report } = listing.bench;
  const single = Object.entries(VALUES).flatMap(([field, values]) =>
    [values.third, values.newest, values.none]
      .filter((value) => value !== undefined)
      .map((value) => field + value),
  );
  const fields = Object.entries(VALUES);
  const pairs = fields.flatMap(([field, values], index) =>
    fields.slice(index).flatMap(([otherField, otherValues]) =>
      [
        [values.third, field === otherField ? undefined : otherValues.third],
        [values.third, otherValues.other],
        [values.newest, field === otherField ? undefined : otherValues.newest],
        [values.third, otherValues.newest],
        [values.third, otherValues.none],
      ]
        .filter((pair) => pair.every((value) => value !== undefined))
        .map(([one, other]) => `${field}${one};${otherField}${other}`),
    ),
  );
  const looks: { filter: string; figures: Figures }[] = [];
  for (const filter of [...single, ...pairs]) {
    looks.push({ filter, figures: await look(listing, filtered(filter), LOOK_S) });
  }
  looks.sort(slowestFirst);
  const middle = looks[Math.floor(looks.length / 2)]!;
  report.row(`${looks.length} filters, the middle one`, middle.figures);
  await slowFilters(
    listing,
    looks.slice(0, SHOWN).map(({ filter }) => filter),
  );
}

const slowestFirst = (one: { figures: Figures }, other: { figures: Figures }): number =>
  other.figures.p50Ms - one.figures.p50Ms;

/**
 * The filters that seemed the slowest, in turns: a look is short, and the longest of eighty is mostly one that was
 * disturbed. With the statement in which they spend their time.
 */
async function slowFilters(listing: Listing, filters: readonly string[]): Promise<void> {
  const { stage, report, scale, meter } = listing.bench;
  const app = await stage.connectAsApp();
  const text = 'SELECT * FROM key_matches($1, NULL, NULL, false, 51)';
  const statement = { tenant: LARGE, text, params: [NEVER_TOGETHER] };
  const bare: BareFigures[] = [];
  const seconds = scale.seconds / 2;
  const cases = Object.fromEntries(
    filters.map((filter) => [filter, { ...loadOf(listing, [filtered(filter)]), seconds }]),
  );
  const compared = await meter.compare(cases, scale.turns, async () => {
    bare.push(await timeStatement(app, statement, seconds));
  });
  await app.end();
  const slowest = filters
    .map((filter) => ({ filter, figures: compared[filter]!.figures }))
    .toSorted(slowestFirst);
  for (const { filter, figures } of slowest) report.row(filter, figures);
  report.row('marks that never meet: the statement alone', {
    p50Ms: median(bare.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(bare.map(({ p99Ms }) => p99Ms)),
  });
  report.demand(
    'the slowest of the indexed equality filters, p50 in ms',
    slowest[0]!.figures.p50Ms,
    FILTER_MS,
  );
}

/** What no index serves ends in time, with rows or a clear refusal. */
async function unindexed({ bench, api, client }: Listing): Promise<void> {
  for (const [name, parameters] of [
    ['a substring that no name has', { filter: 'name[ct]zzzzzz' }],
    ['a jsonpath that no key meets', { filter: 'metadata[jsonpath]$.owner == "nobody"' }],
    ['sorted by metadata', { sort_by: 'metadata.owner' }],
  ] as const) {
    const since = performance.now();
    const answer = await fetch(`${api.url}${KEYS}${query(parameters)}`, {
      headers: { authorization: `Bearer ${client.token}` },
    });
    const body = (await answer.json()) as { code?: string };
    const tookMs = performance.now() - since;
    bench.report.row(`${name}: ${answer.status} ${body.code ?? ''}`.trim(), { p50Ms: tookMs });
    bench.report.demand(`${name}: ends within its time, ms`, tookMs, TIME_LIMIT_MS);
    const clear = answer.status === 200 || (answer.status === 400 && body.code === 'filter_too_costly');
    bench.report.proof(`${name}: rows or a clear refusal`, clear, `${answer.status} ${body.code ?? ''}`);
  }
}

async function statistics(listing: Listing): Promise<void> {
  const { report, scale } = listing.bench;
  const path = '/api/kms/v1/stats';
  const { total_keys: total } = await listing.client.call<{ total_keys: number }>('GET', path);
  const figures = await look(listing, path, scale.seconds / 2);
  report.row('statistics without a filter', figures);
  report.demand('statistics without a filter, p50 in ms', figures.p50Ms, STATS_MS);
  report.proof('the statistics are exact', total === scale.keys, `${total} of ${scale.keys} keys`);
}

export const LISTING: BenchPart = { name: 'list', title: 'Listing', run };

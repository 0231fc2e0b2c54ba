import { timeStatement } from '../bare-statement.js';
import type { Bench, BenchPart } from '../bench-part.js';
import { KINDS } from './kinds.js';
import { SigningKey } from './signing-key.js';

const TENANT = 'bench-floor';
const CONNECTIONS = 32;

/** What everything else is compared with: Fastify alone, a route that does nothing, a statement that does nothing. */
async function run({ stage, meter, report, scale }: Bench): Promise<void> {
  const [fastify, empty] = await Promise.all([
    stage.start('dist/bench/servers/bare-fastify.js'),
    stage.start('dist/bench/servers/empty-route.js'),
  ]);
  const client = await stage.client(empty, TENANT);
  const key = await SigningKey.create(client, KINDS[0]!);
  const load = { token: client.token, connections: CONNECTIONS, requests: key.emptyRequests() };
  await meter.warmUp({ ...load, servers: [fastify] }, { ...load, servers: [empty] });
  const outcomes = await meter.compare(
    { fastify: { ...load, servers: [fastify] }, empty: { ...load, servers: [empty] } },
    scale.turns,
  );
  report.row('bare Fastify route', outcomes.fastify.figures);
  report.row('empty route: token, tenant, permission, log', outcomes.empty.figures, {
    'bare Fastify': outcomes.empty.figures.cpuUs / outcomes.fastify.figures.cpuUs,
  });
  const app = await stage.connectAsApp();
  const statement = { tenant: TENANT, text: 'SELECT 1', params: [] };
  report.row('SELECT 1, one at a time', await timeStatement(app, statement, scale.seconds / 2));
  await app.end();
  await stage.stop(empty);
  await stage.stop(fastify);
}

export const FLOOR: BenchPart = { name: 'floor', title: 'The floor', run };

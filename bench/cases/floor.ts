import { timeStatement } from '../bare-statement.js';
import type { Bench, BenchPart } from '../bench-part.js';
import { KINDS } from '../kinds.js';
import { SigningKey } from '../signing-key.js';

const CONNECTIONS = 32;

/** What everything else is compared with: Fastify alone, a route that does nothing, a statement that does nothing. */
async function run({ stage, meter, pairs, report, scale }: Bench): Promise<void> {
  const { empty, client } = await pairs.current();
  const fastify = await stage.start('dist/bench/servers/bare-fastify.js');
  const key = await SigningKey.create(client, KINDS[0]!);
  const load = { token: client.token, connections: CONNECTIONS, requests: key.emptyRequests() };
  await meter.warmUp({ ...load, servers: [fastify] });
  const outcomes = await meter.compare(
    { fastify: { ...load, servers: [fastify] }, empty: { ...load, servers: [empty] } },
    Math.ceil(scale.turns / 2),
  );
  report.row('bare Fastify route', outcomes.fastify.figures);
  report.row('empty route: token, tenant, permission, log', outcomes.empty.figures, {
    'bare Fastify': outcomes.empty.figures.cpuUs / outcomes.fastify.figures.cpuUs,
  });
  const app = await stage.connectAsApp();
  const statement = { tenant: client.tenant, text: 'SELECT 1', params: [] };
  report.row('SELECT 1, one at a time', await timeStatement(app, statement, scale.seconds / 2));
  await app.end();
  await stage.stop(fastify);
}

export const FLOOR: BenchPart = { name: 'floor', title: 'The floor', paired: true, run };

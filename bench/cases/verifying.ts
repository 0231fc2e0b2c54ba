import type { Bench, BenchPart } from '../bench-part.js';
import { KINDS } from '../kinds.js';
import { SigningKey } from '../signing-key.js';

async function run({ meter, pairs, speeds, report }: Bench): Promise<void> {
  const { api, empty, client, load } = await pairs.current();
  const first = await SigningKey.create(client, KINDS[0]!);
  await meter.warmUp({ ...load, servers: [api], requests: await first.verifyRequests(client) });
  for (const kind of KINDS) {
    const key = await SigningKey.create(client, kind);
    const { verifyUs } = await speeds.latest(kind.speed);
    const requests = await key.verifyRequests(client);
    const outcomes = await meter.compare(
      {
        empty: { ...load, servers: [empty], requests: key.emptyRequests() },
        verify: { ...load, servers: [api], requests, keep: 1 },
      },
      1,
    );
    const { figures, kept } = outcomes.verify;
    const above = figures.cpuUs - outcomes.empty.figures.cpuUs;
    report.row(`${kind.title}: verify`, figures, {
      'empty route': figures.cpuUs / outcomes.empty.figures.cpuUs,
      'openssl above empty': above / verifyUs,
    });
    const [answer] = kept;
    report.proof(
      `${kind.title}: the signatures are found good`,
      answer?.body === '{"valid":true}',
      answer?.body ?? '',
    );
  }
}

export const VERIFYING: BenchPart = { name: 'verify', title: 'Verifying', paired: true, run };

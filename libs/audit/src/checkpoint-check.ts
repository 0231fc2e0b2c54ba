import type { Database } from '#database';
import { PLATFORM_CHAIN } from '#kernel';
import type { AuditFault } from './audit-report.js';
import type { ChainHead } from './audit-sql.js';
import { openCheckpoint, type CheckpointLine } from './checkpoint.js';

interface CheckpointRow {
  id: string;
  body: string;
  signature: Buffer;
}

const PAGE = 500;

/** Holds the log against signed checkpoints, any number of them in bounded memory. */
export class CheckpointCheck {
  constructor(
    private readonly database: Database,
    private readonly report: (fault: AuditFault) => void,
  ) {}

  /** The checkpoints of the database, in pages. Gives how many there are. */
  async stored(): Promise<number> {
    const key = await this.#publicKey();
    let after = '';
    for (let count = 0; ;) {
      const rows = await this.database.system('audit verify checkpoints', (tx) =>
        tx.query<CheckpointRow>(
          'SELECT id, body, signature FROM audit_checkpoint WHERE id > $1 ORDER BY id LIMIT $2',
          [after, PAGE],
        ),
      );
      const heads = rows.flatMap((row) =>
        this.#open(key, row.body, row.signature, `checkpoint ${row.id} of the database`),
      );
      await this.#checkAgainst(heads);
      count += rows.length;
      after = rows.at(-1)?.id ?? '';
      if (rows.length < PAGE) return count;
    }
  }

  /** Lines kept elsewhere. Gives how many there are. */
  async kept(kept: readonly CheckpointLine[]): Promise<number> {
    const key = await this.#publicKey();
    for (let from = 0; from < kept.length; from += PAGE) {
      const heads = kept.slice(from, from + PAGE).flatMap((line, index) => {
        const what = `kept checkpoint ${from + index + 1}`;
        const spki = Buffer.from(line.public_key, 'base64');
        // A line signed by another key than the database's tells that one of the two was replaced.
        if (!key?.equals(spki)) this.#nowhere(`${what} is signed by another key than the database has`);
        return this.#open(spki, line.body, Buffer.from(line.signature, 'base64'), what);
      });
      await this.#checkAgainst(heads);
    }
    return kept.length;
  }

  async #publicKey(): Promise<Buffer | undefined> {
    const [row] = await this.database.system('audit verify key', (tx) =>
      tx.query<{ public_key: Buffer }>(`SELECT public_key FROM platform_key WHERE name = 'audit-checkpoint'`),
    );
    return row?.public_key;
  }

  #open(spki: Buffer | undefined, body: string, signature: Buffer, what: string): readonly ChainHead[] {
    const checkpoint = spki && openCheckpoint(spki, body, signature);
    if (!checkpoint) this.#nowhere(`the signature of ${what} does not hold`);
    return checkpoint?.heads ?? [];
  }

  /** Holds the records that checkpoints name against the hashes they name. */
  async #checkAgainst(heads: readonly ChainHead[]): Promise<void> {
    if (heads.length === 0) return;
    const wrong = await this.database.system('audit verify heads', (tx) =>
      tx.query<{ tenant: string; lane: number; seq: string; found: boolean }>(
        `SELECT DISTINCT c.tenant, c.lane, c.seq, e.hash IS NOT NULL AS found
           FROM unnest($1::text[], $2::smallint[], $3::bigint[], $4::text[]) AS c (tenant, lane, seq, hash)
           LEFT JOIN audit_event e ON e.tenant_id = c.tenant COLLATE "C" AND e.lane = c.lane AND e.seq = c.seq
          WHERE e.hash IS DISTINCT FROM decode(c.hash, 'hex')`,
        [
          heads.map((h) => h.tenant),
          heads.map((h) => h.lane),
          heads.map((h) => h.seq),
          heads.map((h) => h.hash),
        ],
      ),
    );
    for (const { tenant, lane, seq, found } of wrong) {
      const problem = found
        ? 'the record differs from its checkpoint'
        : 'a checkpoint names this record, but it is gone';
      this.report({ tenant, lane, seq: Number(seq), problem });
    }
  }

  /** A fault of no chain in particular. */
  #nowhere(problem: string): void {
    this.report({ tenant: PLATFORM_CHAIN, lane: 0, seq: 0, problem });
  }
}

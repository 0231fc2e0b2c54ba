import type { Database, Transaction } from '#database';
import type { Answer, RequestContext } from '#kernel';
import { newAuditEvent, type AuditInput } from './audit-event.js';
import { APPEND, TRANSACTION_LANE, type AppendedTenant, type ChainHead } from './audit-sql.js';
import { GatedAppender } from './gated-appender.js';

/** How long a record may wait for its commit. */
const PATIENCE_MS = 5_000;

/**
 * The append-only, hash-chained log. What changes data appends inside its own transaction; everything else
 * goes through the group commit. Either way the record is durable before the answer.
 */
export class AuditLog {
  readonly #appender: GatedAppender;
  readonly #moved = new Map<string, ChainHead>();

  constructor(database: Database) {
    this.#appender = new GatedAppender(database, (lane, tenant, head) => this.#note(lane, tenant, head));
  }

  /** Appends in `tx`, to the chain of `chain`; the record commits or vanishes with the change it tells of. */
  async appendIn(
    tx: Transaction,
    ctx: Pick<RequestContext, 'principal' | 'requestId'>,
    chain: string,
    input: AuditInput,
  ): Promise<void> {
    const body = JSON.stringify(newAuditEvent(ctx, input));
    const one = [TRANSACTION_LANE, false, [], [chain], [1], [0], `[${body}]`];
    const [appended] = await tx.query<AppendedTenant>(APPEND, one);
    tx.afterCommit(() => appended && this.#note(TRANSACTION_LANE, chain, appended));
  }

  /** Appends to the chain of `chain` on its own; resolves when durable. Throws `unavailable`. */
  async append(
    ctx: Pick<RequestContext, 'principal' | 'requestId'>,
    chain: string,
    input: AuditInput,
  ): Promise<void> {
    await this.#push(chain, JSON.stringify(newAuditEvent(ctx, input)));
  }

  /**
   * Appends the use of a key, and is its gate: resolves to false, with nothing written, when the key or its
   * tenant is not enabled in the transaction that would have recorded it. Throws `unavailable`.
   */
  appendGated(ctx: RequestContext, input: AuditInput & { readonly keyId: string }): Promise<boolean> {
    return this.#push(ctx.tenantId, JSON.stringify(newAuditEvent(ctx, input)), input.keyId, ctx.answer);
  }

  /**
   * Waits, inside `tx` and before it changes anything, until every gated record of the tenant that is committed
   * has been answered, and keeps new ones from being committed until `tx` ends. Revocations begin with it.
   */
  async awaitAnswers(tx: Transaction, tenantId: string): Promise<void> {
    await tx.query('SELECT pg_advisory_xact_lock(4827302, hashtext($1))', [tenantId]);
  }

  /** The heads that this process moved since the last call, for the next checkpoint. */
  takeMovedHeads(): ChainHead[] {
    const heads = [...this.#moved.values()];
    this.#moved.clear();
    return heads;
  }

  /** Puts heads back whose checkpoint could not be written. */
  returnMovedHeads(heads: readonly ChainHead[]): void {
    for (const head of heads) this.#move(head);
  }

  close(): Promise<void> {
    return this.#appender.close();
  }

  /** Whether it was appended. */
  #push(tenantId: string, body: string, gateKeyId?: string, answer?: Answer): Promise<boolean> {
    return new Promise((settle, fail) => {
      const deadline = performance.now() + PATIENCE_MS;
      // Each member by its name: spread from another object, V8 makes a hidden class anew for each record.
      this.#appender.push({ tenantId, gateKeyId, body, answer, deadline, settle, fail });
    });
  }

  #note(lane: number, tenant: string, { seq, hash }: AppendedTenant): void {
    if (seq !== null && hash !== null)
      this.#move({ tenant, lane, seq: Number(seq), hash: hash.toString('hex') });
  }

  #move(head: ChainHead): void {
    const id = `${head.tenant}\n${head.lane}`;
    if ((this.#moved.get(id)?.seq ?? 0) < head.seq) this.#moved.set(id, head);
  }
}

import {
  decodeBookmark,
  encodeBookmark,
  bookmarkState,
  countRows,
  listPage,
  plansToAvoid,
  parseFilter,
  resolvePage,
  TimeBudget,
  type Database,
  type PageQuery,
  type SqlFragment,
  type Transaction,
} from '#database';
import { KEY_ALGORITHMS } from '#crypto';
import type { EngineRegistry } from '#engines';
import type { RequestContext } from '#kernel';
import type { TenantKeys } from '#tenants';
import { KEY_RESOURCE } from './key-resource.js';
import { keyFromRow, type KeyRow } from './key-row.js';
import { viewKey, type KeyView } from './key-view.js';
import { visibilitySql } from './key-visibility.js';

export interface KeyPage {
  /** For the next page; empty on the last one. */
  next_bookmark: string;
  list: KeyView[];
}

export interface KeyStats {
  total_keys: number;
  keys_distribution_per_engine: Record<string, number>;
  keys_distribution_per_algorithm: Record<string, number>;
}

/** What a listing may take; a filter that needs longer is refused. */
const STATEMENT_TIMEOUT_MS = 1_000;

/** Filtered, sorted, bookmark-paginated listing, and the numbers of what there is. */
export class KeyListingService {
  constructor(
    private readonly database: Database,
    private readonly tenantKeys: TenantKeys,
    private readonly engines: EngineRegistry,
  ) {}

  /** Throws `validation_failed`, `invalid_filter`, `invalid_bookmark`, `filter_too_costly`. */
  async list(ctx: RequestContext, query: PageQuery): Promise<KeyPage> {
    const { bookmark } = await this.tenantKeys.of(ctx.tenantId);
    const aad = `keys\n${ctx.tenantId}`;
    const request = resolvePage(query, KEY_RESOURCE, (text) => decodeBookmark(bookmark, aad, text));
    const page = await this.database.transaction(
      ctx,
      (tx) =>
        listPage<KeyRow>(new TimeBudget(tx, STATEMENT_TIMEOUT_MS), KEY_RESOURCE, {
          ...request,
          tenantId: ctx.tenantId,
          where: restrictions(ctx),
        }),
      {
        statementTimeoutMs: STATEMENT_TIMEOUT_MS,
        readOnly: true,
        without: plansToAvoid(KEY_RESOURCE, request),
      },
    );
    return {
      next_bookmark: page.after ? encodeBookmark(bookmark, aad, bookmarkState(request, page.after)) : '',
      list: page.rows.map((row) => viewKey(keyFromRow(row), row.last_used_ts ?? undefined)),
    };
  }

  /** Counts by engine and algorithm; those without keys show 0. Throws as `list`. */
  async stats(ctx: RequestContext, filters: readonly string[]): Promise<KeyStats> {
    const conditions = parseFilter([...filters], KEY_RESOURCE.fields);
    const listing = { tenantId: ctx.tenantId, conditions, where: restrictions(ctx) };
    const rows = await this.database.transaction(
      ctx,
      (tx) => (conditions.length + listing.where.length === 0 ? readCounts(tx) : countFiltered(tx, listing)),
      { statementTimeoutMs: STATEMENT_TIMEOUT_MS, readOnly: true },
    );
    const engines = this.engines.list(ctx.tenantId).map((engine) => engine.describe().id);
    const sum = (column: 'engine_id' | 'algorithm', names: readonly string[]): Record<string, number> => {
      const counts: Record<string, number> = Object.fromEntries(names.map((name) => [name, 0]));
      for (const row of rows) counts[row[column]] = (counts[row[column]] ?? 0) + row.count;
      return counts;
    };
    return {
      total_keys: rows.reduce((total, row) => total + row.count, 0),
      keys_distribution_per_engine: sum('engine_id', engines),
      keys_distribution_per_algorithm: sum('algorithm', KEY_ALGORITHMS),
    };
  }
}

interface Count {
  readonly engine_id: string;
  readonly algorithm: string;
  readonly count: number;
}

/** Of all live keys, as the database keeps them with every change. */
const readCounts = (tx: Transaction): Promise<Count[]> =>
  tx.query<Count>('SELECT engine_id, algorithm, sum(keys)::int AS count FROM key_count GROUP BY 1, 2');

const countFiltered = (tx: Transaction, listing: Parameters<typeof countRows>[2]): Promise<Count[]> =>
  countRows<Count>(new TimeBudget(tx, STATEMENT_TIMEOUT_MS), KEY_RESOURCE, listing, [
    'k.engine_id',
    'k.algorithm',
  ]);

function restrictions(ctx: RequestContext): SqlFragment[] {
  const only = ctx.principal.narrowing;
  return only ? [(bind: (value: unknown) => string) => visibilitySql(only, bind)] : [];
}

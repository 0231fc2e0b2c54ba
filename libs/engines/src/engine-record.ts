import type { EngineType } from './engine.js';

/** A secret as it is stored: a reference to where an operator keeps it, or sealed bytes, base64. */
export type StoredSecret = { readonly reference: string } | { readonly sealed: string };

/** An engine as an operator registered it. */
export interface EngineRecord {
  readonly id: string;
  readonly type: EngineType;
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, StoredSecret>>;
  /** The tenants that may use it; null: all. */
  readonly tenants: readonly string[] | null;
  readonly isDefault: boolean;
  readonly version: number;
  readonly createdTs: Date;
  readonly updatedTs: Date;
}

/** What changes about an engine. */
export type EngineChange = Pick<EngineRecord, 'name' | 'config' | 'secrets' | 'tenants' | 'isDefault'>;

import type { SecretBytes } from '#kernel';
import type { Engine, EngineType } from './engine.js';

/** What an operator configured of one engine. */
export interface EngineInput {
  readonly id: string;
  /** For people. */
  readonly name: string;
  /** As given; the driver checks all of it. */
  readonly config: Readonly<Record<string, unknown>>;
  /** By name; the engine copies what it keeps. */
  readonly secrets: ReadonlyMap<string, SecretBytes>;
}

/** How engines of one type are made from what an operator configured. */
export interface EngineDriver {
  readonly type: EngineType;
  /** The secrets it takes. */
  readonly secretNames: readonly string[];
  /**
   * Checks the configuration and makes the engine, which reaches nothing yet. Throws `validation_failed` with the path of
   * each fault, e.g. `config.module` or `secrets.pin`, and `unsupported_by_engine` where this host cannot run it.
   */
  open(input: EngineInput): Engine;
}

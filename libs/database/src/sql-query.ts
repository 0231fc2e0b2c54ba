/** A statement and its bound parameters (`$1` is `params[0]`). */
export interface SqlQuery {
  readonly text: string;
  readonly params: readonly unknown[];
}

/** Adds a value to a statement's parameters and gives its placeholder, e.g. `$3`. */
export type Bind = (value: unknown) => string;

/** SQL text that binds what it needs; everything in the text itself is trusted. */
export type SqlFragment = (bind: Bind) => string;

/** The parameters of a statement under construction. */
export class Parameters {
  readonly values: unknown[] = [];

  readonly bind: Bind = (value) => `$${this.values.push(value)}`;
}

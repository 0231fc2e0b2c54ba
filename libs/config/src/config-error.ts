/** The configuration cannot be used. `problems` has one sentence a variable, naming it; never a value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly problems: readonly string[]) {
    super(`Configuration refused:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
  }
}

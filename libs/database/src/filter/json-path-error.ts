interface DriverError {
  readonly code?: string;
  readonly position?: string;
}

/** Data exceptions, and what PostgreSQL says of unknown variables, unsupported flags and casts in a path. */
const EVALUATION = /^(22...|42704|0A000)$/;

/**
 * Whether PostgreSQL refused a bound SQL/JSON path: its syntax when the parameter was read, or what even
 * silent evaluation raises. Only meaningful for a statement that has such a path. A syntax error of the
 * statement itself carries a position and is none of the caller's doing.
 */
export function isBadJsonPathError(error: unknown): boolean {
  const outer = error as (DriverError & { driverError?: DriverError }) | undefined;
  const { code = '', position } = outer?.driverError ?? outer ?? {};
  return EVALUATION.test(code) || (code === '42601' && position === undefined);
}

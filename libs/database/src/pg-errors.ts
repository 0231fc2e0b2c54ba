import { AppError } from '#kernel';

interface PgError {
  code?: string;
  constraint?: string;
  errno?: number;
}

/** The error of the `pg` driver inside whatever TypeORM wrapped around it. */
const driverError = (error: unknown): PgError => {
  const outer = error as { driverError?: PgError } & PgError;
  return outer?.driverError ?? outer ?? {};
};

export const pgCode = (error: unknown): string | undefined => driverError(error).code;

/** Whether a unique constraint of that name was violated (SQLSTATE 23505). */
export const isUniqueViolation = (error: unknown, constraint: string): boolean =>
  pgCode(error) === '23505' && driverError(error).constraint === constraint;

/** SQLSTATE 57014: `statement_timeout` ran out. */
export const isStatementTimeout = (error: unknown): boolean => pgCode(error) === '57014';

/** SQLSTATE 22003: a number is beyond the range of its type. */
export const isNumberOutOfRange = (error: unknown): boolean => pgCode(error) === '22003';

/** Deadlock and serialization failures: the whole transaction may simply be run again. */
export const isRetryable = (error: unknown): boolean => ['40001', '40P01'].includes(pgCode(error) ?? '');

/** Connection and resource errors; also 55P03 and 25P03: a lock, or a transaction, that was given up. */
const UNREACHABLE = /^(08|57P0|53|55P03|25P03)|^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EHOSTUNREACH|EAI_AGAIN)/;

/** What TypeORM says of the next statement of a transaction whose connection broke. */
const BROKEN: ReadonlySet<string> = new Set([
  'QueryRunnerAlreadyReleasedError',
  'TransactionNotStartedError',
]);

/** Turns "the database cannot be reached" into `unavailable`; gives every other error back unchanged. */
export function translatePgError(error: unknown): unknown {
  const code = pgCode(error) ?? '';
  const message = error instanceof Error ? error.message : '';
  const lost =
    /Connection terminated|timeout exceeded when trying to connect|Client has encountered|pool after calling end|is not established|not queryable/i.test(
      message,
    );
  const broken = error instanceof Error && BROKEN.has(error.name);
  if (!UNREACHABLE.test(code) && !lost && !broken) return error;
  return new AppError('unavailable', {
    detail: 'The database is not reachable.',
    cause: error,
    retryAfterS: 1,
  });
}

import { pino, type DestinationStream, type Logger } from 'pino';

export type { Logger } from 'pino';

/** Members that never reach a log line, wherever they stand. A second wall: nobody should log them at all. */
const SECRETS = [
  'authorization', 'cookie', 'password', 'passphrase', 'private_key', 'privateKey', 'secret', 'token', 'pin',
  'message', 'signature', 'pkcs8', 'handle', 'wrapped', 'url',
]; // prettier-ignore

const REDACTED = SECRETS.flatMap((name) => (name === 'message' ? [`body.${name}`, `req.${name}`] : [name, `*.${name}`, `*.*.${name}`]));

export interface LoggerOptions {
  readonly level: string;
  /** Where lines go; standard output, written asynchronously, unless given. */
  readonly destination?: DestinationStream;
}

/** JSON lines on standard output, buffered for at most half a second. */
export function createLogger({ level, destination }: LoggerOptions): Logger {
  const stream = destination ?? pino.destination({ dest: 1, sync: false, minLength: 4_096, periodicFlush: 500 });
  return pino(
    {
      level,
      base: { service: 'claviger' },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: REDACTED, censor: '[redacted]' },
      serializers: { err: describeError },
    },
    stream,
  );
}

/** What of an error is logged: kind, text and stack of it and its causes, but no further members (parameters, rows). */
function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return typeof error;
  const { name, message, stack, cause } = error;
  const code = (error as { code?: unknown }).code;
  return {
    type: name,
    message,
    ...(typeof code === 'string' && { code }),
    stack,
    ...(cause !== undefined && depth < 4 && { cause: describeError(cause, depth + 1) }),
  };
}

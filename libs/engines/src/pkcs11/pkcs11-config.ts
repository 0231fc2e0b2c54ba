import { realpathSync } from 'node:fs';
import { isAbsolute, normalize } from 'node:path';
import { z } from 'zod';
import { AppError, type FieldError } from '#kernel';
import type { EngineInput } from '../engine-driver.js';
import type { TokenChoice } from './token-protocol.js';

/** CK_TOKEN_INFO has room for so many bytes. */
const MAX_LABEL = 32;
const MAX_SERIAL = 16;
const MAX_PIN = 255;

const timeout = (least: number, most: number): z.ZodNumber => z.number().int().min(least).max(most);

const schema = z.strictObject({
  module: z.string().min(1).max(4096),
  token_label: z.string().min(1).max(MAX_LABEL).optional(),
  token_serial: z.string().min(1).max(MAX_SERIAL).optional(),
  slot: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  sessions: z.number().int().min(1).max(64).default(8),
  /** Some tokens fail where two keys come or go at once: SoftHSM 2.6 among them. */
  changes_at_once: z.number().int().min(1).max(16).default(1),
  sign_timeout_ms: timeout(100, 60_000).default(5_000),
  generate_timeout_ms: timeout(1_000, 600_000).default(60_000),
});

export interface Pkcs11Config {
  /** Real path of the vendor's library, which the operator of this host allowed. */
  readonly module: string;
  readonly choice: TokenChoice;
  readonly sessions: number;
  /** How many of them may make, take, look for or destroy keys. */
  readonly changesAtOnce: number;
  readonly signTimeoutMs: number;
  readonly generateTimeoutMs: number;
}

const refused = (errors: readonly FieldError[]): AppError =>
  new AppError('validation_failed', {
    detail: errors.map(({ path, message }) => `${path} ${message}`).join('; '),
    errors,
  });

/** The file behind a path that was written without detours; undefined where there is none. */
function realPath(path: string): string | undefined {
  if (!isAbsolute(path) || normalize(path) !== path || path.includes('\0')) return undefined;
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

/** A library is code that runs here: only what the operator of the host named, whatever links lead to it. */
function allowedModule(path: string, allowed: readonly string[]): string | FieldError {
  const real = realPath(path);
  if (real !== undefined && allowed.some((one) => realPath(one) === real)) return real;
  // The same words for what is not there: the file system is nobody's to explore.
  return { path: 'config.module', message: 'is not on the list of PKCS#11 modules of this server' };
}

const CHOICES = ['token_label', 'token_serial', 'slot'] as const;

function choiceOf(config: z.infer<typeof schema>): TokenChoice | FieldError {
  const given = CHOICES.filter((setting) => config[setting] !== undefined);
  const [setting] = given;
  if (setting && given.length === 1) return { setting, value: config[setting] } as TokenChoice;
  const path = `config.${given[1] ?? 'token_label'}`;
  return { path, message: 'give exactly one of token_label, token_serial and slot' };
}

function pinFault({ secrets }: EngineInput): FieldError[] {
  const faults = [...secrets.keys()]
    .filter((name) => name !== 'pin')
    .map((name) => ({ path: `secrets.${name}`, message: 'is unknown' }));
  const pin = secrets.get('pin');
  if (!pin || pin.length === 0) faults.push({ path: 'secrets.pin', message: 'is required' });
  else if (pin.length > MAX_PIN)
    faults.push({ path: 'secrets.pin', message: `has more than ${MAX_PIN} bytes` });
  return faults;
}

const isFault = (value: object | string): value is FieldError => typeof value === 'object' && 'path' in value;

/** Checks all that an operator gave. Throws `validation_failed` with the path of each fault. */
export function readPkcs11Config(input: EngineInput, allowed: readonly string[]): Pkcs11Config {
  const parsed = schema.safeParse(input.config);
  const pin = pinFault(input);
  if (!parsed.success) {
    const issues = parsed.error.issues.flatMap((issue) => {
      const paths = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [key]) : [issue.path];
      return paths.map((path) => ({ path: ['config', ...path].join('.'), message: issue.message }));
    });
    throw refused([...issues, ...pin]);
  }
  const { sessions, changes_at_once: changesAtOnce } = parsed.data;
  const { sign_timeout_ms: signTimeoutMs, generate_timeout_ms: generateTimeoutMs } = parsed.data;
  const module = allowedModule(parsed.data.module, allowed);
  const choice = choiceOf(parsed.data);
  const faults = [...[module, choice].filter(isFault), ...pin];
  if (faults.length > 0 || isFault(module) || isFault(choice)) throw refused(faults);
  return { module, choice, sessions, changesAtOnce, signTimeoutMs, generateTimeoutMs };
}

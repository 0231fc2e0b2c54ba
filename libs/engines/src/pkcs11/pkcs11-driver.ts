import { fileURLToPath } from 'node:url';
import { SecretBytes } from '#kernel';
import type { EngineDriver } from '../engine-driver.js';
import { readPkcs11Config } from './pkcs11-config.js';
import { Pkcs11Engine } from './pkcs11.engine.js';
import { TokenPin, type PinLedger } from './token-pin.js';

export interface Pkcs11DriverOptions {
  /** Absolute paths of the libraries that may be loaded; native code, so the operator of the host says which. */
  readonly modules: readonly string[];
  /**
   * What the libraries read from their environment, e.g. `SOFTHSM2_CONF`, and all they get of it but a plain `PATH`. The
   * operator of the host says that too: such a variable can name code to be loaded. No secrets.
   */
  readonly environment?: Readonly<Record<string, string>>;
  /** The child's program, where it is not the one beside this file: sources are no program. */
  readonly program?: string;
  readonly pins: PinLedger;
}

const PROGRAM = fileURLToPath(new URL('./child/main.js', import.meta.url));

/** Makes engines of tokens behind a vendor's PKCS#11 library, each in a child process of its own. */
export const pkcs11Driver = ({
  modules,
  environment = {},
  program = PROGRAM,
  pins,
}: Pkcs11DriverOptions): EngineDriver => ({
  type: 'PKCS11',
  secretNames: ['pin'],
  open(input) {
    const { generateTimeoutMs, ...config } = readPkcs11Config(input, modules);
    const secret = SecretBytes.take(Buffer.from(input.secrets.get('pin')!.expose('keep the PIN of a token')));
    const pin = new TokenPin(secret, pins, JSON.stringify([config.module, config.choice]));
    const plan = { ...config, slowTimeoutMs: generateTimeoutMs, program, environment };
    return new Pkcs11Engine(input.id, input.name, plan, pin);
  },
});

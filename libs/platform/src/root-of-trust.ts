import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '#config';
import { RootRing, addRoot } from '#crypto';

/** The root key ring; in development one is made where none is. Throws `RootRingError`. */
export async function openRootRing(config: Config): Promise<RootRing> {
  if (config.mode === 'development' && !existsSync(config.rootKeyFile)) {
    await mkdir(dirname(config.rootKeyFile), { recursive: true, mode: 0o711 });
    try {
      addRoot(config.rootKeyFile, 'root-1');
    } catch (error) {
      // Another process is faster: its ring is as good, once it is there.
      for (let wait = 0; wait < 100 && !existsSync(config.rootKeyFile); wait += 1) await delay(20);
      if (!existsSync(config.rootKeyFile)) throw error;
    }
  }
  return new RootRing(config.rootKeyFile);
}

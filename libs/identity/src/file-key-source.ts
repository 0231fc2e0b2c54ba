import { createReadStream } from 'node:fs';
import { readBounded, type KeySource } from './key-source.js';

/** A key set in a local file. */
export class FileKeySource implements KeySource {
  constructor(private readonly path: string) {}

  async load(): Promise<string> {
    return readBounded(createReadStream(this.path));
  }
}

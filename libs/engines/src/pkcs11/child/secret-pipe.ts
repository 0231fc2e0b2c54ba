import { Socket } from 'node:net';

/** Where the parent puts secrets, as raw bytes in the order of the calls they belong to. */
export class SecretPipe {
  readonly #socket: Socket;
  /** One read after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(fd: number) {
    this.#socket = new Socket({ fd, readable: true, writable: false });
  }

  /** The next bytes. The caller wipes them. */
  read(length: number): Promise<Buffer> {
    const read = this.#last.then(() => this.#next(length));
    this.#last = read;
    return read;
  }

  async #next(length: number): Promise<Buffer> {
    for (;;) {
      const bytes = this.#socket.read(length) as Buffer | null;
      if (bytes) return bytes;
      await new Promise((resolve) => this.#socket.once('readable', resolve));
    }
  }
}

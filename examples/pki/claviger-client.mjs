// @ts-check

/** The few routes of Claviger's key plane that a PKI needs. */
export class ClavigerClient {
  /**
   * @param {string} url of the server, e.g. http://127.0.0.1:8080
   * @param {string} token a JWT; one narrowed to the CA's key is enough to issue certificates
   */
  constructor(url, token) {
    this.base = `${url}/api/kms/v1`;
    this.token = token;
  }

  /** @param {{ algorithm: string, size?: number, name: string, tags?: string[] }} key */
  createKey(key) {
    return this.#call('POST', '/keys', key);
  }

  /** @param {string} id key id, alias or PKCS#11 URI */
  getKey(id) {
    return this.#call('GET', `/keys/${encodeURIComponent(id)}`);
  }

  /**
   * The signature over a message, as Claviger makes it: DER for ECDSA.
   * @param {string} id
   * @param {string} algorithm
   * @param {Buffer} message
   */
  async sign(id, algorithm, message) {
    const body = { algorithm, message: message.toString('base64'), message_type: 'raw' };
    const { signature } = await this.#call('POST', `/keys/${encodeURIComponent(id)}/sign`, body);
    return Buffer.from(signature, 'base64');
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   */
  async #call(method, path, body) {
    const response = await fetch(this.base + path, {
      method,
      headers: { authorization: `Bearer ${this.token}`, ...(body && { 'content-type': 'application/json' }) },
      body: body && JSON.stringify(body),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${answer.status} ${answer.code}: ${answer.detail}`);
    return answer;
  }
}

import { hasNativeOpenSsl, runtimeKeySpecs } from '#crypto';
import { fail, ok, warn, type Check } from './check.js';

/** Of package.json: `engines.node`. */
const OLDEST_NODE = [20, 19] as const;

/** Whether a Node.js of this version is new enough. */
export function isSupportedNode(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
}

function checkNode(): Check {
  const { node, openssl } = process.versions;
  if (isSupportedNode(node)) return ok('node', `${node} with OpenSSL ${openssl}`);
  return fail('node', `${node} is too old: ${OLDEST_NODE.join('.')} or newer is needed, 24 recommended`);
}

/** What the Node.js that runs this can do. No `openssl` program is needed: the one inside Node.js is used. */
export function runtimeChecks(): Check[] {
  const mlDsa = runtimeKeySpecs().some((spec) => spec.algorithm === 'ML_DSA');
  return [
    checkNode(),
    hasNativeOpenSsl()
      ? ok('digest-signing', 'the OpenSSL inside Node.js can be called; no openssl program is needed')
      : fail(
          'digest-signing',
          'the OpenSSL inside Node.js cannot be called (koffi): digests cannot be signed',
        ),
    mlDsa
      ? ok('ml-dsa', 'this Node.js has ML-DSA')
      : warn('ml-dsa', 'this Node.js has no ML-DSA, so it is not offered: Node.js 24 has it'),
  ];
}

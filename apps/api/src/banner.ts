import type { Config } from '#config';

/** What a developer sees once the server listens. */
export function renderBanner(config: Config, url: string): string {
  const lines = [`Claviger listens on ${url}`, `  API page  ${url}/docs`, `  process   ${process.pid}`];
  if (config.mode === 'development' && config.issuers.length === 0) {
    const token = `$(npm run --silent claviger -- token --tenant acme --scope "kms:keys:read kms:keys:write kms:keys:sign kms:keys:verify")`;
    lines.push(
      '  try it    in another terminal, in this folder:',
      '',
      `curl -sS ${url}/api/kms/v1/keys -H "Authorization: Bearer ${token}" -H 'Content-Type: application/json' -d '{"algorithm":"ECDSA","size":256,"name":"my-first-key"}'`,
    );
  }
  return `${lines.join('\n')}\n`;
}

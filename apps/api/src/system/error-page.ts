import { ERROR_TABLE, type ErrorCode } from '#kernel';

/** The page about an error code, in Markdown; also written to docs/errors/. */
export function renderErrorPage(code: ErrorCode): string {
  const { status, title, help } = ERROR_TABLE[code];
  return `# \`${code}\`: ${title}\n\n| HTTP status | title |\n| --- | --- |\n| ${status} | ${title} |\n\n${help}\n`;
}

/** The code that a path names, if it is one. */
export const findErrorCode = (name: string): ErrorCode | undefined =>
  Object.hasOwn(ERROR_TABLE, name) ? (name as ErrorCode) : undefined;

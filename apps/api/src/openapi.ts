import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import type { INestApplication } from '@nestjs/common';

const DESCRIPTION = `Asymmetric keys behind pluggable crypto engines, for many tenants.

Every answer that is an error is a problem document (RFC 9457) whose \`type\` leads to a page about it.
Keys are named by key id, alias or PKCS#11 URI alike, percent-encoded in paths.`;

/** OpenAPI 3.0 says \`nullable\`; 3.1 is JSON Schema and has a type for it. */
function toJsonSchema(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(toJsonSchema);
  if (typeof node !== 'object' || node === null) return node;
  const { nullable, ...rest } = node as Record<string, unknown>;
  const mapped = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, toJsonSchema(value)]));
  return nullable === true && typeof mapped['type'] === 'string'
    ? { ...mapped, type: [mapped['type'], 'null'] }
    : mapped;
}

/** The API's description (OpenAPI 3.1), as served and as committed. */
export function buildOpenApi(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Claviger')
    .setVersion('1')
    .setDescription(DESCRIPTION)
    .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' })
    .addServer('/')
    .build();
  return toJsonSchema(SwaggerModule.createDocument(app, config)) as OpenAPIObject;
}

import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import type { INestApplication } from '@nestjs/common';
import { toJsonSchemas } from './openapi-schemas.js';

const DESCRIPTION = `Asymmetric keys behind pluggable crypto engines, for many tenants.

Every answer that is an error is a problem document (RFC 9457) whose \`type\` leads to a page about it.
Keys are named by key id, alias or PKCS#11 URI alike, percent-encoded in paths.`;

/** A handler with two paths is two operations, each of which needs an id of its own: the second adds its path's end. */
function separateTwins(document: OpenAPIObject): OpenAPIObject {
  const taken = new Set<string>();
  for (const [path, item] of Object.entries(document.paths)) {
    for (const operation of [item.get, item.put, item.post, item.delete]) {
      if (!operation?.operationId) continue;
      if (taken.has(operation.operationId)) operation.operationId += `-${path.split('/').at(-1)}`;
      taken.add(operation.operationId);
    }
  }
  return document;
}

/** The API's description (OpenAPI 3.1), as served and as committed. */
export function buildOpenApi(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Claviger')
    .setVersion('1')
    .setDescription(DESCRIPTION)
    .addTag('keys', 'Create, import, find, describe and end keys')
    .addTag('signatures', 'Sign and verify')
    .addTag('jobs', 'Long work: how far it is, and how it ended')
    .addTag('platform', 'Tenants and the audit log')
    .addTag('system', 'What load balancers and schedulers ask')
    .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' })
    .addServer('/')
    .build();
  return toJsonSchemas(separateTwins(SwaggerModule.createDocument(app, config))) as OpenAPIObject;
}

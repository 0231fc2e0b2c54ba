import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Database } from '#database';
import { Public } from '../edge/permission.decorator.js';
import { ApiProblem } from '../edge/problems.decorator.js';
import { HealthDto } from './health.dto.js';
import { Readiness } from './readiness.js';

@ApiTags('system')
@Controller('health')
export class HealthController {
  readonly #readiness: Readiness;

  constructor(database: Database) {
    this.#readiness = new Readiness(() => database.ping());
  }

  @Get('live')
  @Public()
  @ApiOperation({ operationId: 'getLiveness', summary: 'Whether the process runs' })
  @ApiOkResponse({ type: HealthDto })
  live(): HealthDto {
    return { status: 'ok' };
  }

  @Get('ready')
  @Public()
  @ApiOperation({
    operationId: 'getReadiness',
    summary: 'Whether requests can be served: the database answers',
  })
  @ApiOkResponse({ type: HealthDto })
  @ApiProblem(503)
  async ready(): Promise<HealthDto> {
    await this.#readiness.check();
    return { status: 'ok' };
  }
}

import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Database } from '#database';
import { JobQueue } from '#jobs';
import { Readiness } from '#platform';
import { Public } from '../edge/permission.decorator.js';
import { ApiProblem } from '../edge/problems.decorator.js';
import { HealthDto } from './health.dto.js';

@ApiTags('system')
@Controller('health')
export class HealthController {
  readonly #readiness: Readiness;

  constructor(
    database: Database,
    private readonly jobQueue: JobQueue,
  ) {
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
    summary: 'Whether requests can be served: the database answers. Degraded: the Redis of the jobs does not',
  })
  @ApiOkResponse({ type: HealthDto })
  @ApiProblem(503)
  async ready(): Promise<HealthDto> {
    await this.#readiness.check();
    // Requests are served all the same, and jobs stored: taken out of service, it would only be missing.
    return { status: this.jobQueue.reachable ? 'ok' : 'degraded' };
  }
}

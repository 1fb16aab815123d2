// The Grafana dashboards of the chart, described: rows of panels. The test of metrics checks that the files are what is described here,
// and every expression against what services export.
interface Target {
  readonly expr: string;
  readonly legendFormat: string;
}
interface Panel {
  readonly type: 'timeseries' | 'stat';
  readonly title: string;
  readonly unit: string;
  readonly targets: readonly Target[];
}

const FOLDER_TAG = 'agent-platform';
const GRID = 24;
const HEIGHT = 8;

/** Of a service that is chosen, and of all where none is. */
const S = 'service=~"$service"';
const rate = (metric: string, labels = '') => `rate(${metric}${labels && `{${labels}}`}[$__rate_interval])`;
const by = (names: string, expression: string) => `sum by (${names}) (${expression})`;
const quantile = (q: number, metric: string, labels = '', names = '') =>
  `histogram_quantile(${q}, ${by(`le${names && `, ${names}`}`, rate(`${metric}_bucket`, labels))})`;
const line = (title: string, unit: string, ...targets: Target[]): Panel => ({
  type: 'timeseries',
  title,
  unit,
  targets,
});
const number = (title: string, unit: string, ...targets: Target[]): Panel => ({ type: 'stat', title, unit, targets });
/** An expression with what is shown beside its line. */
const t = (expr: string, legendFormat = ''): Target => ({ expr, legendFormat });
const quantiles = (metric: string, labels = '') =>
  [0.5, 0.9, 0.99].map((q) => t(quantile(q, metric, labels), `p${q * 100}`));
const queue = (name: string) => t(`max(agent_platform_queue_depth{queue="${name}"})`, name);

const REQUESTS = 'gateway_request_duration_seconds';

const DASHBOARDS: Readonly<Record<string, { readonly title: string; readonly rows: readonly Panel[][] }>> = {
  overview: {
    title: 'Agent Platform / Overview',
    rows: [
      [
        number('Requests', 'reqps', t(`sum(${rate(`${REQUESTS}_count`)})`)),
        number(
          'Failing (5xx)',
          'percentunit',
          t(`sum(${rate(`${REQUESTS}_count`, 'status=~"5.."')}) / sum(${rate(`${REQUESTS}_count`)})`),
        ),
        number('p99', 's', t(quantile(0.99, REQUESTS))),
        number('Runs ended', 'ops', t(`sum(${rate('executor_run_duration_seconds_count')})`)),
        number('Webhooks delivered', 'ops', t(`sum(${rate('receiver_delivery_results_total', 'result="delivered"')})`)),
        number('Replicas ready', 'none', t(`sum(agent_platform_ready{${S}})`)),
      ],
      [
        line('Requests by status', 'reqps', t(by('status', rate(`${REQUESTS}_count`)), '{{status}}')),
        line('Ready replicas', 'none', t(`sum by (service) (agent_platform_ready{${S}})`, '{{service}}')),
      ],
      [
        line(
          'Actions by service',
          'ops',
          t(by('service', rate('agent_platform_action_duration_seconds_count', S)), '{{service}}'),
        ),
        line(
          'Actions that fail',
          'ops',
          t(
            by('service, action', rate('agent_platform_action_duration_seconds_count', `${S}, outcome="failed"`)),
            '{{service}} {{action}}',
          ),
        ),
      ],
      [
        line(
          'What waits',
          'none',
          t(`max by (service, queue) (agent_platform_queue_depth{${S}})`, '{{service}} {{queue}}'),
        ),
        line(
          'How far behind',
          's',
          t(`max by (service, lag) (agent_platform_lag_seconds{${S}})`, '{{service}} {{lag}}'),
          t(`max by (service) (agent_platform_outbox_oldest_age_seconds{${S}})`, '{{service}} outbox'),
        ),
      ],
      [
        line(
          'CPU',
          'none',
          t(by('service, instance', rate('process_cpu_seconds_total', S)), '{{service}} {{instance}}'),
        ),
        line(
          'Memory',
          'bytes',
          t(`sum by (service, instance) (process_resident_memory_bytes{${S}})`, '{{service}} {{instance}}'),
        ),
        line(
          'Event loop, p99',
          's',
          t(`max by (service, instance) (nodejs_eventloop_lag_p99_seconds{${S}})`, '{{service}} {{instance}}'),
        ),
      ],
      [
        line(
          'Builds',
          'none',
          t(
            `count by (service, version, commit) (agent_platform_build_info{${S}})`,
            '{{service}} {{version}} {{commit}}',
          ),
        ),
      ],
    ],
  },
  gateway: {
    title: 'Agent Platform / Gateway',
    rows: [
      [
        line('Duration', 's', ...quantiles(REQUESTS)),
        line('Slowest actions, p99', 's', t(`topk(10, ${quantile(0.99, REQUESTS, '', 'action')})`, '{{action}}')),
      ],
      [
        line('Actions asked for', 'reqps', t(`topk(15, ${by('action', rate(`${REQUESTS}_count`))})`, '{{action}}')),
        line('Under way', 'none', t('sum by (instance) (gateway_requests_under_way)', '{{instance}}')),
      ],
      [
        line(
          'Where the time goes, mean per request',
          's',
          t(
            `${by('stage', rate('gateway_stage_duration_seconds_sum'))} / ignoring (stage) group_left sum(${rate(`${REQUESTS}_count`)})`,
            '{{stage}}',
          ),
        ),
        line('Stages, p99', 's', t(quantile(0.99, 'gateway_stage_duration_seconds', '', 'stage'), '{{stage}}')),
      ],
      [
        line('Refusals', 'reqps', t(by('code', rate('gateway_refusals_total')), '{{code}}')),
        line('Failed authentications', 'reqps', t(`sum(${rate('gateway_failed_authentications_total')})`, '401')),
      ],
      [
        line(
          'Streams and sockets',
          'none',
          t('sum by (kind) (gateway_open_streams)', 'stream of {{kind}}'),
          t('sum(agent_platform_queue_depth{queue="openSockets"})', 'sockets'),
        ),
        line(
          'Audit entries',
          'none',
          t('max by (instance) (agent_platform_queue_depth{queue="auditEntriesWaiting"})', 'waiting {{instance}}'),
          t(`sum(increase(gateway_audit_entries_given_up_total[$__rate_interval]))`, 'lost'),
        ),
        line(
          'Caches that knew',
          'percentunit',
          t(
            `${by('cache', rate('gateway_cache_requests_total', 'outcome="hit"'))} / ${by('cache', rate('gateway_cache_requests_total'))}`,
            '{{cache}}',
          ),
        ),
      ],
      [
        line('Keys asked about', 'ops', t(by('outcome', rate('auth_key_verifications_total')), '{{outcome}}')),
        line('Signatures', 'ops', t(by('outcome', rate('auth_signature_verifications_total')), '{{outcome}}')),
        line(
          'Permits and audit',
          'ops',
          t(`sum(${rate('auth_permits_granted_total')})`, 'permits'),
          t(`sum(${rate('auth_audit_entries_total')})`, 'audit entries'),
        ),
      ],
    ],
  },
  engine: {
    title: 'Agent Platform / Runs',
    rows: [
      [
        line('Runs ended', 'ops', t(by('state', rate('executor_run_duration_seconds_count')), '{{state}}')),
        line('Runs taken up', 'ops', t(by('how', rate('executor_runs_taken_total')), '{{how}}')),
        line('Runs that left before their end', 'ops', t(by('why', rate('executor_runs_left_total')), '{{why}}')),
      ],
      [
        line(
          'Runs',
          'none',
          queue('runsReady'),
          queue('runsWaiting'),
          t('sum(agent_platform_queue_depth{queue="runsInMemory"})', 'runsInMemory'),
        ),
        line('Oldest that is ready', 's', t('max(agent_platform_lag_seconds{lag="oldestReadySeconds"})', 'age')),
        line('Duration of runs', 's', ...quantiles('executor_run_duration_seconds')),
      ],
      [
        line('Steps', 'ops', t(by('type', rate('executor_steps_total')), '{{type}}')),
        line('Steps that fail', 'ops', t(by('type', rate('executor_steps_total', 'state="failed"')), '{{type}}')),
        line('Steps, p99', 's', t(quantile(0.99, 'executor_step_duration_seconds', '', 'type'), '{{type}}')),
      ],
      [
        line('Writing records', 's', ...quantiles('executor_record_duration_seconds', 'outcome="ok"')),
        line('Age of leases', 's', t('max by (instance) (executor_lease_age_seconds)', '{{instance}}')),
        line('Leases lost', 'none', t('sum(increase(executor_leases_lost_total[$__rate_interval]))', 'lost')),
      ],
      [
        line('Schedules', 'ops', t(by('outcome', rate('executor_schedule_firings_total')), '{{outcome}}')),
        line('Delay of schedules', 's', ...quantiles('executor_schedule_delay_seconds')),
        line('Commands open', 'none', queue('commandsOpen')),
      ],
    ],
  },
  'deliveries-and-integrations': {
    title: 'Agent Platform / Events and integrations',
    rows: [
      [
        line('Events stored', 'ops', t(by('outcome', rate('receiver_events_stored_total')), '{{outcome}}')),
        line('Writing events', 's', ...quantiles('receiver_event_append_duration_seconds')),
        line(
          'Taps',
          'none',
          queue('tapLagEvents'),
          t(`sum(${rate('receiver_tap_events_total')})`, 'published a second'),
        ),
      ],
      [
        line('Deliveries', 'ops', t(by('result', rate('receiver_delivery_results_total')), '{{result}}')),
        line(
          'Answers of endpoints',
          'ops',
          t(by('answer', rate('receiver_delivery_attempt_duration_seconds_count')), '{{answer}}'),
        ),
        line('Endpoints', 's', ...quantiles('receiver_delivery_attempt_duration_seconds')),
      ],
      [
        line('Waiting', 'none', queue('deliveriesDue'), queue('deliveriesWaiting'), queue('deadLetters')),
        line('Under way', 'none', t('sum by (instance) (receiver_deliveries_under_way)', '{{instance}}')),
        line(
          'Subscriptions disabled',
          'none',
          t('sum(increase(receiver_subscriptions_disabled_total[$__rate_interval]))', 'disabled'),
        ),
      ],
      [
        line('Webhooks that come in', 'ops', t(by('outcome', rate('receiver_inbound_webhooks_total')), '{{outcome}}')),
        line(
          'Calls of providers',
          'ops',
          t(by('outcome', rate('integrations_call_duration_seconds_count')), '{{outcome}}'),
        ),
        line('Calls', 's', ...quantiles('integrations_call_duration_seconds')),
      ],
      [
        line('Refreshes of tokens', 'ops', t(by('outcome', rate('integrations_refreshes_total')), '{{outcome}}')),
        line(
          'Held back and under way',
          'none',
          t('sum(integrations_circuit_breakers_open)', 'circuit breakers open'),
          queue('callsUnderWay'),
          t('sum(agent_platform_queue_depth{queue="refreshesUnderWay"})', 'refreshes'),
        ),
        line(
          'Health checks',
          'ops',
          t(by('outcome', rate('health_check_duration_seconds_count')), '{{outcome}}'),
          t('max(agent_platform_queue_depth{queue="overdueChecks"})', 'overdue'),
          t('sum(health_checks_under_way)', 'under way'),
        ),
      ],
    ],
  },
  'database-and-bus': {
    title: 'Agent Platform / Database and bus',
    rows: [
      [
        line(
          'Connections in use',
          'percentunit',
          t(
            `sum by (service, pool) (agent_platform_database_connections{${S}, state="busy"}) / sum by (service, pool) (agent_platform_database_connections_max{${S}})`,
            '{{service}} {{pool}}',
          ),
        ),
        line(
          'Waiting for one',
          'none',
          t(`sum by (service, pool) (agent_platform_database_waiting{${S}})`, '{{service}} {{pool}}'),
        ),
        line(
          'Time to get one, p99',
          's',
          t(
            quantile(0.99, 'agent_platform_database_acquire_duration_seconds', S, 'service, pool'),
            '{{service}} {{pool}}',
          ),
        ),
      ],
      [
        line(
          'Transactions',
          'ops',
          t(by('service, outcome', rate('agent_platform_database_transactions_total', S)), '{{service}} {{outcome}}'),
        ),
        line(
          'Reads by primary key, p99',
          's',
          t(quantile(0.99, 'agent_platform_database_pipelined_read_duration_seconds', S, 'service'), '{{service}}'),
        ),
        line(
          'No connection',
          'ops',
          t(
            by('service', rate('agent_platform_database_acquire_duration_seconds_count', `${S}, outcome="failed"`)),
            '{{service}}',
          ),
        ),
      ],
      [
        line('Outboxes', 'none', t(`max by (service) (agent_platform_outbox_rows{${S}})`, '{{service}}')),
        line(
          'Handed on',
          'ops',
          t(by('service, kind', rate('agent_platform_outbox_relayed_total', S)), '{{service}} {{kind}}'),
        ),
        line(
          'Passes that failed',
          'ops',
          t(by('service, kind', rate('agent_platform_outbox_failures_total', S)), '{{service}} {{kind}}'),
        ),
      ],
      [
        line(
          'Requests over NATS',
          'ops',
          t(by('service, to', rate('agent_platform_bus_request_duration_seconds_count', S)), '{{service}} to {{to}}'),
        ),
        line(
          'Without an answer',
          'ops',
          t(
            by(
              'service, to, outcome',
              rate('agent_platform_bus_request_duration_seconds_count', `${S}, outcome!="answered"`),
            ),
            '{{service}} to {{to}}: {{outcome}}',
          ),
        ),
        line(
          'Answers, p99',
          's',
          t(quantile(0.99, 'agent_platform_bus_request_duration_seconds', S, 'service, to'), '{{service}} to {{to}}'),
        ),
      ],
      [
        line('Connected', 'none', t(`sum by (service) (agent_platform_bus_connected{${S}})`, '{{service}}')),
        line(
          'Under way',
          'none',
          t(`sum by (service) (agent_platform_bus_requests_under_way{${S}})`, '{{service}} asks'),
          t(`sum by (service) (agent_platform_requests_under_way{${S}})`, '{{service}} answers'),
        ),
        line(
          'Reconnections',
          'none',
          t(
            `sum by (service) (increase(agent_platform_bus_reconnections_total{${S}}[$__rate_interval]))`,
            '{{service}}',
          ),
        ),
        line(
          'Internal calls, p99',
          's',
          t(
            quantile(0.99, 'agent_platform_internal_call_duration_seconds', S, 'service, call'),
            '{{service}} {{call}}',
          ),
        ),
      ],
    ],
  },
};

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

function panelOf({ type, title, unit, targets }: Panel, id: number, gridPos: object): object {
  return {
    id,
    type,
    title,
    datasource: DATASOURCE,
    gridPos,
    fieldConfig: {
      defaults: { unit, min: 0, ...(type === 'timeseries' && { custom: { fillOpacity: 8 } }) },
      overrides: [],
    },
    options:
      type === 'timeseries'
        ? { tooltip: { mode: 'multi', sort: 'desc' } }
        : { reduceOptions: { calcs: ['lastNotNull'] } },
    targets: targets.map((target, index) => ({ refId: String.fromCharCode(65 + index), ...target })),
  };
}

function panelsOf(rows: readonly Panel[][]): object[] {
  let id = 0;
  let y = 0;
  return rows.flatMap((row) => {
    const h = row[0]?.type === 'stat' ? HEIGHT / 2 : HEIGHT;
    const w = Math.floor(GRID / row.length);
    const panels = row.map((each, index) => panelOf(each, ++id, { x: index * w, y, w, h }));
    y += h;
    return panels;
  });
}

/** The files of the dashboards, by name. */
export function dashboardFiles(): Record<string, string> {
  const entries = Object.entries(DASHBOARDS).map(([name, { title, rows }]): [string, string] => {
    const dashboard = {
      uid: `agent-platform-${name}`.slice(0, 40),
      title,
      tags: [FOLDER_TAG],
      schemaVersion: 39,
      timezone: 'browser',
      refresh: '30s',
      time: { from: 'now-1h', to: 'now' },
      templating: {
        list: [
          { name: 'datasource', type: 'datasource', query: 'prometheus' },
          {
            name: 'service',
            type: 'query',
            datasource: DATASOURCE,
            query: 'label_values(agent_platform_build_info, service)',
            includeAll: true,
            allValue: '.*',
            multi: true,
            current: { text: 'All', value: '$__all' },
            refresh: 2,
          },
        ],
      },
      links: [{ type: 'dashboards', tags: [FOLDER_TAG], title: 'Agent Platform', asDropdown: true }],
      panels: panelsOf(rows),
    };
    // A panel to a line.
    return [`${name}.json`, `${JSON.stringify(dashboard).replaceAll('{"id":', '\n{"id":')}\n`];
  });
  return Object.fromEntries(entries);
}

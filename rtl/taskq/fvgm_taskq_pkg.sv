// Types of the task queue: what the registers hand down, what it keeps of an entry, what it reports.
package fvgm_taskq_pkg;

  import fvgm_isa_pkg::*;
  import fvgm_task_pkg::*;

  localparam int unsigned LimitW = AddrW + 1;  // exclusive ends, up to 2^40
  localparam int unsigned CoreIdW = $clog2(MaxCores);
  localparam int unsigned LoadW = $clog2(MaxContexts + 1);  // tasks of a core
  localparam int unsigned EventIdW = $clog2(NumEvents);
  localparam int unsigned ValueW = 16;  // events
  localparam int unsigned SetW = $clog2(NumSets);

  // Registers to queue. start and soft_reset are pulses.
  typedef struct packed {
    logic start;
    logic soft_reset;
    logic [AddrW-1:0] table_base;
    logic [31:0] table_count;
    logic [31:0] watchdog;
    logic [LoadW-1:0] contexts;
    logic [AddrW-1:0] window_base;
    logic [LimitW-1:0] window_limit;
    slices_t slices;
  } ctrl_t;

  typedef struct packed {
    logic [AddrW-1:0] addr;
    logic [31:0] index;
    logic [CoreIdW-1:0] core;
    cause_e cause;
  } error_t;

  // Queue to registers. irq_* are pulses.
  typedef struct packed {
    logic idle;
    logic busy;
    logic done;
    logic error;
    logic resetting;
    logic irq_done;
    logic irq_error;
    error_t first_error;
  } status_t;

  typedef struct packed {
    logic [31:0] active;
    logic [31:0] full;
    logic [31:0] starved;
    logic [31:0] weights;
    logic [31:0] tasks;
  } core_counters_t;

  typedef struct packed {
    core_counters_t [MaxCores-1:0] per_core;
    logic [63:0] cycles;
  } counters_t;

  // Events of one cycle that the counters of a core count.
  typedef struct packed {
    logic active;
    logic full;
    logic starved;
    logic weights;
    logic task_;
  } core_events_t;

  typedef struct packed {
    logic [ValueW-1:0] value;
    logic [EventIdW-1:0] id;
  } wait_t;

  // What is needed of an entry while it runs. areas is 0 where set is.
  typedef struct packed {
    logic weights;
    logic [SetW-1:0] set;
    logic [NumAreas-1:0] areas;
    logic [EventIdW-1:0] signal1;
    logic [EventIdW-1:0] signal0;
  } use_t;

  // An entry that passed the checks.
  typedef struct packed {
    wait_t [NumTaskWaits-1:0] waits;
    logic [MaxCores-1:0] cores;
    use_t uses;
    task_start_t start;
  } entry_t;

endpackage

// Types of the scheduler: what the registers hand down, what the scheduler reports.
package fvgm_scheduler_pkg;

  import fvgm_isa_pkg::*;

  localparam int unsigned AddrW = 40;   // HBM byte addresses
  localparam int unsigned LimitW = 41;  // exclusive ends, up to 2^40
  localparam int unsigned SemW = 16;    // semaphore counters
  localparam int unsigned SemIdW = $clog2(NumSemaphores);

  // payload bits that a unit uses; the rest of the 384 is reserved
  localparam int unsigned TransferW = 166;
  localparam int unsigned GemmW = 281;
  localparam int unsigned SfuW = 277;

  localparam logic [2:0] UnitNone = 3'd4;  // CAUSE.unit_id: fetch and decode

  // HBM windows, first byte and first byte behind.
  typedef struct packed {
    logic [LimitW-1:0] write_limit;
    logic [AddrW-1:0] write_base;
    logic [LimitW-1:0] read_limit;
    logic [AddrW-1:0] read_base;
  } windows_t;

  // Registers to scheduler. start and soft_reset are pulses.
  typedef struct packed {
    logic start;
    logic soft_reset;
    logic [AddrW-1:0] prog_base;
    logic [31:0] prog_len;
    logic [31:0] watchdog;
    windows_t windows;
  } ctrl_t;

  // One error.
  typedef struct packed {
    logic [AddrW-1:0] addr;
    logic [31:0] index;
    logic [7:0] opcode;
    logic [2:0] unit;
    cause_e cause;
  } error_t;

  // Counters of one unit.
  typedef struct packed {
    logic [31:0] instructions;
    logic [31:0] idle;
    logic [31:0] stall_dep;
    logic [31:0] busy;
  } unit_counters_t;

  typedef struct packed {
    unit_counters_t [NumUnits-1:0] per_unit;
    logic [31:0] sfu_stall;
    logic [31:0] mpu_stall_drain;
    logic [31:0] mpu_stall_operand;
    logic [31:0] fetch_beats;
    logic [31:0] write_beats;
    logic [31:0] read_beats;
    logic [63:0] cycles;
  } counters_t;

  // Events of one cycle that the counters count.
  typedef struct packed {
    logic [NumUnits-1:0] instructions;
    logic [NumUnits-1:0] idle;
    logic [NumUnits-1:0] stall_dep;
    logic [NumUnits-1:0] busy;
    logic sfu_stall;
    logic mpu_stall_drain;
    logic mpu_stall_operand;
    logic fetch_beat;
    logic write_beat;
    logic read_beat;
  } events_t;

  // Scheduler to registers. irq_* are pulses.
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

  // What a queue keeps of a header, and the index of the instruction in its program.
  typedef struct packed {
    logic [31:0] index;
    logic [15:0] tag;
    logic [NumWaits-1:0][SemW-1:0] wait_val;
    logic [NumWaits-1:0][SemIdW-1:0] wait_sem;
    logic [SemIdW-1:0] signal;
  } entry_t;

  function automatic entry_t make_entry(header_t header, logic [31:0] index);
    return '{
        index: index,
        tag: header.tag,
        wait_val: {header.wait2_val, header.wait1_val, header.wait0_val},
        wait_sem: {header.wait2_sem, header.wait1_sem, header.wait0_sem},
        signal: header.signal
    };
  endfunction

endpackage

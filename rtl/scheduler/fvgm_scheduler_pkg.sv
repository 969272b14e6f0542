// Types of the scheduler: what the registers hand down, what the scheduler reports.
package fvgm_scheduler_pkg;

  import fvgm_isa_pkg::*;

  localparam int unsigned AddrW = 40;   // HBM byte addresses
  localparam int unsigned LimitW = 41;  // exclusive ends, up to 2^40
  localparam int unsigned SemW = 16;    // semaphore counters
  localparam int unsigned SemIdW = $clog2(NumSemaphores);

  localparam int unsigned CountIdW = $clog2(NumCounts);
  localparam int unsigned RowCountW = $clog2(MaxListRows + 1);  // count registers

  localparam logic [2:0] UnitNone = 3'd7;  // CAUSE.unit_id: fetch and decode

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
    logic [31:0] task_seq;  // entry of the task table, 0 for an own program
    logic [AddrW-1:0] addr;
    logic [31:0] index;
    logic [7:0] opcode;
    logic [2:0] unit;
    cause_e cause;
  } error_t;

  // What a unit whose best head waits is waiting for: semaphore 1 to NumUnits (the compiler's, by
  // unit), or 0 any other.
  localparam int unsigned NumStalls = NumUnits + 1;

  // Counters of one unit.
  typedef struct packed {
    logic [NumStalls-1:0][31:0] stall_on;
    logic [31:0] idle_task;
    logic [31:0] instructions;
    logic [31:0] idle;
    logic [31:0] stall_dep;
    logic [31:0] busy;
  } unit_counters_t;

  typedef struct packed {
    logic [31:0] su_kept;
    logic [31:0] su_rows;
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
    logic [NumUnits-1:0][2:0] stall_on;  // with stall_dep
    logic [NumUnits-1:0] idle_task;      // with idle: no context has a task
    logic [NumUnits-1:0] instructions;
    logic [NumUnits-1:0] idle;
    logic [NumUnits-1:0] stall_dep;
    logic [NumUnits-1:0] busy;
    logic [RowCountW-1:0] su_kept;  // rows that the SU keeps, added
    logic [RowCountW-1:0] su_rows;  // rows of an SU instruction that starts, added
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
    logic [CountIdW-1:0] count;
    logic [NumWaits-1:0][SemW-1:0] wait_val;
    logic [NumWaits-1:0][SemIdW-1:0] wait_sem;
    logic [SemIdW-1:0] signal;
  } entry_t;

  // One term of the sum that is an address, and what happens to the sum after it (fvgm_scheduler_check).
  typedef struct packed {
    logic first;             // the sum starts with base
    logic buffer_end;        // the sum is the last address of an operand: compare with limit
    logic window_end;        // the sum is the end of a transfer: compare with the windows
    logic last;              // last term of the instruction
    logic [20:0] limit;      // size of the buffer
    logic [AddrW-1:0] base;
    logic [15:0] count;      // n - 1
    logic [31:0] step;
  } term_t;

  // Why a program of `length` instructions at `base` cannot run: it lies in the read window.
  function automatic cause_e program_cause(logic [AddrW-1:0] base, logic [31:0] length,
                                           windows_t windows);
    logic [LimitW-1:0] limit;
    limit = LimitW'(base) + {3'b0, length, 6'b0};
    if (base[5:0] != '0) return CauseMisaligned;
    if (base < windows.read_base || limit > windows.read_limit || limit > (LimitW'(1) << AddrW))
      return CauseWindowRange;
    return (length == '0) ? CauseProgramRange : CauseNone;
  endfunction

  // Payload bits that a unit uses.
  function automatic int unsigned payload_width(unit_e unit);
    case (unit)
      UnitMpu: return GemmW;
      UnitSfu: return SfuW;
      UnitSu: return SuW;
      UnitRu: return RuW;
      default: return TransferW;
    endcase
  endfunction

  // Opcode of the instructions of a unit.
  function automatic logic [7:0] opcode_of(unit_e unit);
    case (unit)
      UnitLoad: return OpLoad;
      UnitStore: return OpStore;
      UnitMpu: return OpGemm;
      UnitSfu: return OpSfu;
      UnitSu: return OpSu;
      default: return OpRu;
    endcase
  endfunction

  // The field of a payload that a count register bounds: rows, of a GEMM m.
  function automatic logic [15:0] rows_of(unit_e unit, logic [PayloadBits-1:0] payload);
    transfer_t transfer;
    gemm_t gemm;
    sfu_t sfu;
    su_t su;
    ru_t ru;
    transfer = payload;
    gemm = payload;
    sfu = payload;
    su = payload;
    ru = payload;
    case (unit)
      UnitMpu: return gemm.m;
      UnitSfu: return sfu.rows;
      UnitSu: return su.rows;
      UnitRu: return ru.rows;
      default: return transfer.rows;
    endcase
  endfunction

  // The payload with another number in that field.
  function automatic logic [PayloadBits-1:0] with_rows(
      unit_e unit, logic [PayloadBits-1:0] payload, logic [15:0] rows);
    transfer_t transfer;
    gemm_t gemm;
    sfu_t sfu;
    su_t su;
    ru_t ru;
    transfer = payload;
    gemm = payload;
    sfu = payload;
    su = payload;
    ru = payload;
    transfer.rows = rows;
    gemm.m = rows;
    sfu.rows = rows;
    su.rows = rows;
    ru.rows = rows;
    case (unit)
      UnitMpu: return gemm;
      UnitSfu: return sfu;
      UnitSu: return su;
      UnitRu: return ru;
      default: return transfer;
    endcase
  endfunction

  function automatic entry_t make_entry(header_t header, logic [31:0] index);
    return '{
        index: index,
        tag: header.tag,
        count: header.count,
        wait_val: {header.wait2_val, header.wait1_val, header.wait0_val},
        wait_sem: {header.wait2_sem, header.wait1_sem, header.wait0_sem},
        signal: header.signal
    };
  endfunction

endpackage

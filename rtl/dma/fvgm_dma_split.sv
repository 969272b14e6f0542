// Splits transfer commands into AXI bursts, in order: row after row, at most BurstBeats beats,
// never across a 4 KiB boundary.
//
// A row of row_units units starts at a 32-byte aligned address and takes (row_units + 1) / 2 beats;
// the next row starts hbm_stride bytes and row_step units further, or, in HBM, where the list in
// mbuf says (fvgm_dma_list, which runs ahead). Three stages: cut (addresses in HBM), product (beats
// of a burst times the unit step, so that the cut does not wait for a multiplier), burst (unit
// address).
//
// Parameters: BurstBeats 1 to 128; StepOne: unit_step of every command is 1 (no multiplier).
// Latency: 3 cycles from the accepted command to its first burst, 10 with a list. Throughput: one
// burst per cycle, also across commands; before the first burst of a list 7 cycles are empty.
// halt_i stops the cut at once; bursts already cut stay until taken.
// Errors: a row out of the bounds of its list becomes a burst with `bad`, to be reported and never
// taken: nothing behind it comes out.
module fvgm_dma_split
  import fvgm_isa_pkg::*;
  import fvgm_dma_pkg::*;
#(
  parameter int unsigned BurstBeats = 8,
  parameter bit          StepOne    = 1'b0
) (
  input  logic      clk_i,
  input  logic      rst_ni,

  input  logic      halt_i,
  input  logic      cmd_valid_i,
  output logic      cmd_ready_o,
  input  transfer_t cmd_i,

  output logic      burst_valid_o,
  input  logic      burst_ready_i,
  output burst_t    burst_o,

  output logic        mb_rd_valid_o,
  output logic [15:0] mb_rd_addr_o,
  input  logic [31:0] mb_rd_data_i,

  output logic      busy_o
);

  localparam int unsigned PageBeats = 128;  // beats of 4 KiB

  if (BurstBeats < 1 || BurstBeats > PageBeats) begin : gen_illegal_burst_beats
    $error("fvgm_dma_split: BurstBeats must be 1 to 128");
  end

  // Cut: the row being cut, and where its next burst starts. Of an active list command, the
  // address of the row may not have come yet: !row_valid_q.
  logic active_q, row_valid_q, list_q, bad_q, new_row_q;
  logic [HbmBits-1:0] addr_q, row_addr_q;
  logic [31:0] stride_q;
  logic [15:0] rows_left_q, row_units_q, beats_left_q;
  logic [UnitBits-1:0] row_unit_q, row_step_q, unit_step_q;
  logic [1:0] buffer_q;

  logic [15:0] row_beats;
  logic [7:0] page_beats, most_beats, beats;
  logic last_of_row, last_of_cmd, cut, take_cmd;
  logic listed_valid, listed_bad, want_row, pop_row;
  logic [HbmBits-1:0] listed_addr;

  // Product: a cut burst whose unit address is not known yet.
  burst_t cut_q;
  logic cut_valid_q, cut_new_row_q, product_ready;
  logic [7:0] cut_beats_q;

  // Burst: the output, and the units that it advances.
  burst_t burst_q;
  logic burst_valid_q;
  logic [UnitBits-1:0] advance_q;

  assign row_beats = {1'b0, row_units_q[15:1]} + {15'b0, row_units_q[0]};
  assign page_beats = 8'(PageBeats) - {1'b0, addr_q[11:5]};
  assign most_beats = (page_beats < 8'(BurstBeats)) ? page_beats : 8'(BurstBeats);
  assign last_of_row = beats_left_q <= {8'b0, most_beats};
  assign last_of_cmd = last_of_row && rows_left_q == 16'd1;
  assign beats = last_of_row ? beats_left_q[7:0] : most_beats;

  assign product_ready = !burst_valid_q || burst_ready_i;
  assign cut = row_valid_q && !halt_i && (!cut_valid_q || product_ready);
  assign cmd_ready_o = !halt_i && (!active_q || (cut && last_of_cmd));
  assign take_cmd = cmd_valid_i && cmd_ready_o;

  fvgm_dma_list u_list (
    .clk_i,
    .rst_ni,
    .start_i(take_cmd && cmd_i.list),
    .cmd_i,
    .mb_rd_valid_o,
    .mb_rd_addr_o,
    .mb_rd_data_i,
    .valid_o(listed_valid),
    .ready_i(want_row),
    .addr_o(listed_addr),
    .bad_o(listed_bad)
  );

  // All addresses of a list are taken before its last row is cut, so none is left for the next.
  assign want_row = active_q && list_q && (!row_valid_q || (cut && last_of_row && !last_of_cmd));
  assign pop_row = want_row && listed_valid;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) active_q <= 1'b0;
    else if (take_cmd) active_q <= 1'b1;
    else if (cut && last_of_cmd) active_q <= 1'b0;

    if (!rst_ni) row_valid_q <= 1'b0;
    else if (take_cmd) row_valid_q <= !cmd_i.list;
    else if (pop_row) row_valid_q <= 1'b1;
    else if (cut && last_of_row && (list_q || last_of_cmd)) row_valid_q <= 1'b0;

    if (take_cmd) bad_q <= 1'b0;
    else if (pop_row) bad_q <= listed_bad;

    if (take_cmd) begin
      list_q <= cmd_i.list;
      addr_q <= cmd_i.hbm_addr;
      row_addr_q <= cmd_i.hbm_addr;
      stride_q <= cmd_i.hbm_stride;
      rows_left_q <= cmd_i.rows;
      row_units_q <= cmd_i.row_units;
      beats_left_q <= {1'b0, cmd_i.row_units[15:1]} + {15'b0, cmd_i.row_units[0]};
      row_unit_q <= cmd_i.base;
      row_step_q <= cmd_i.row_step;
      unit_step_q <= cmd_i.unit_step;
      buffer_q <= cmd_i.buffer;
      new_row_q <= 1'b1;
    end else if (cut) begin
      new_row_q <= last_of_row;
      if (last_of_row) begin
        addr_q <= list_q ? listed_addr : row_addr_q + {8'b0, stride_q};
        row_addr_q <= row_addr_q + {8'b0, stride_q};
        rows_left_q <= rows_left_q - 16'd1;
        beats_left_q <= row_beats;
        row_unit_q <= row_unit_q + row_step_q;
      end else begin
        addr_q <= addr_q + {27'b0, beats, 5'b0};
        beats_left_q <= beats_left_q - {8'b0, beats};
      end
    end else if (pop_row) begin
      addr_q <= listed_addr;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) cut_valid_q <= 1'b0;
    else if (cut) cut_valid_q <= 1'b1;
    else if (product_ready) cut_valid_q <= 1'b0;

    if (cut) begin
      cut_new_row_q <= new_row_q;
      cut_beats_q <= beats;
      cut_q.bad <= bad_q;
      cut_q.last <= last_of_cmd;
      cut_q.half <= last_of_row && row_units_q[0];
      cut_q.buffer <= buffer_q;
      cut_q.unit_step <= StepOne ? UnitBits'(1) : unit_step_q;
      cut_q.first_unit <= row_unit_q;
      cut_q.len <= beats - 8'd1;
      cut_q.addr <= addr_q;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) burst_valid_q <= 1'b0;
    else if (product_ready) burst_valid_q <= cut_valid_q;

    if (cut_valid_q && product_ready) begin
      burst_q <= cut_q;
      if (!cut_new_row_q) burst_q.first_unit <= burst_q.first_unit + advance_q;
      advance_q <= {11'b0, cut_beats_q, 1'b0} * cut_q.unit_step;
    end
  end

  assign burst_valid_o = burst_valid_q;
  assign burst_o = burst_q;
  assign busy_o = active_q || cut_valid_q || burst_valid_q;

  logic unused_cmd;
  assign unused_cmd = ^{cmd_i.reserved, cmd_i.list_base, cmd_i.bound,
                        StepOne ? cmd_i.unit_step : 20'b0};

endmodule

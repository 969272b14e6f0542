// The 15 count registers, numbers of rows that the SU finds: one read port per unit, one write port.
//
// clear_i starts a sweep that zeroes all of them, one per cycle; no write may come meanwhile (the
// sweep of the semaphores is longer, and nothing starts before it ends). A write with id 0 writes
// nothing. A read answers in the same cycle and sees a write in the next one. No errors.
`include "fvgm_assert.svh"

module fvgm_scheduler_counts #(
    parameter int unsigned Ports = fvgm_isa_pkg::NumUnits
) (
    input  logic                                                clk_i,
    input  logic                                                rst_ni,
    input  logic                                                clear_i,
    input  logic                                                write_valid_i,
    input  logic [fvgm_scheduler_pkg::CountIdW-1:0]             write_id_i,
    input  logic [fvgm_scheduler_pkg::RowCountW-1:0]            write_value_i,
    input  logic [Ports-1:0][fvgm_scheduler_pkg::CountIdW-1:0]  read_id_i,
    output logic [Ports-1:0][fvgm_scheduler_pkg::RowCountW-1:0] read_value_o
);

  import fvgm_isa_pkg::*;
  import fvgm_scheduler_pkg::*;

  logic [RowCountW-1:0] rows_q[NumCounts];
  logic clearing_q, write;
  logic [CountIdW-1:0] sweep_q, id;
  logic [RowCountW-1:0] value;

  always_comb begin
    write = clearing_q || (write_valid_i && write_id_i != '0);
    id = clearing_q ? sweep_q : write_id_i;
    value = clearing_q ? '0 : write_value_i;
    for (int unsigned p = 0; p < Ports; p++) read_value_o[p] = rows_q[read_id_i[p]];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      clearing_q <= 1'b0;
      sweep_q <= '0;
    end else if (clear_i) begin
      clearing_q <= 1'b1;
      sweep_q <= '0;
    end else if (clearing_q) begin
      sweep_q <= sweep_q + 1'b1;
      clearing_q <= sweep_q != CountIdW'(NumCounts - 1);
    end
  end

  always_ff @(posedge clk_i) begin
    if (write) rows_q[id] <= value;
  end

  `FVGM_ASSERT(NoWriteWhileClearing, clearing_q |-> !write_valid_i)
  `FVGM_ASSERT(AtMostATile, write_valid_i |-> write_value_i <= RowCountW'(MaxListRows))

endmodule

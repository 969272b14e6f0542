// abuf: the buffer of A operands. Its reader gets the operands of one step of the array, eight k of
// each row, in lines of 128 bits, so that no line carries what a step does not use.
//
//   banks ─► slots: per pair of banks what the step uses ─► rotate ─► register ─► lines
//
// Read: rd_addr_i is the unit of row 0. FP16: line i is unit rd_addr_i + i, a row. INT8: rd_addr_i is even;
// line i holds two rows, units rd_addr_i + 2i and the next: of each the lower or (rd_upper_i) the upper
// eight bytes, byte k of the even unit at [16k+7:16k], of the odd one at [16k+15:16k+8].
// Always accepted; rd_data_o two cycles later, until the next data. Slots, half as many as banks: an INT8
// slot is a pair of neighbouring banks, an FP16 slot one of two banks that lie Slots apart.
//
// Write ports: fvgm_buffer_banks; those in Narrow have unit 0 alone. Parameters: ChainRows: 2*ChainRows
// lines; Units a power of two.
// Errors: none; the scheduler has checked that INT8 addresses are even.
module fvgm_abuf #(
  parameter int unsigned ChainRows  = 1,
  parameter int unsigned Units      = 2048,
  parameter int unsigned WriteUnits = 2,
  parameter int unsigned WritePorts = 2,
  parameter int unsigned AddrBits   = 20,
  parameter bit [WritePorts-1:0] Narrow = 2'b01,
  localparam int unsigned Lines     = 2 * ChainRows
) (
  input  logic clk_i,
  input  logic rst_ni,

  input  logic                    rd_valid_i,
  input  logic                    rd_int8_i,
  input  logic                    rd_upper_i,
  input  logic [AddrBits-1:0]     rd_addr_i,
  output logic [Lines-1:0][127:0] rd_data_o,

  input  logic [WritePorts-1:0]                 wr_valid_i,
  output logic [WritePorts-1:0]                 wr_ready_o,
  input  logic [WritePorts-1:0][WriteUnits-1:0] wr_mask_i,
  input  logic [WritePorts-1:0][WriteUnits-1:0][AddrBits-1:0] wr_addr_i,
  input  logic [WritePorts-1:0][WriteUnits-1:0][127:0] wr_data_i
);

  localparam int unsigned Slots = 2 ** $clog2(Lines);
  localparam int unsigned Banks = 2 * Slots;
  localparam int unsigned SlotBits = $clog2(Slots);
  localparam int unsigned BankBits = SlotBits + 1;
  localparam int unsigned UnitBits = $clog2(Units);
  localparam int unsigned RowBits = UnitBits - BankBits;

  // Request: the banks of the units, and their rows.
  localparam logic [Banks-1:0] Rows8 = {Banks{1'b1}} >> (Banks - 2 * Lines);
  localparam logic [Banks-1:0] Rows16 = {Banks{1'b1}} >> (Banks - Lines);
  logic [BankBits-1:0] bank;
  logic [RowBits-1:0] row, next_row;
  logic [Banks-1:0] window, same_row, bank_re;
  logic [Banks-1:0][RowBits-1:0] bank_row;
  logic [Banks-1:0][127:0] bank_data;

  assign {row, bank} = UnitBits'(rd_addr_i);
  assign next_row = row + 1'b1;
  assign same_row = {Banks{1'b1}} << bank;
  assign window = rd_int8_i ? Rows8 : Rows16;
  assign bank_re = rd_valid_i ? (window << bank) | (window >> (Banks - 32'(bank))) : '0;

  always_comb begin
    for (int unsigned b = 0; b < Banks; b++) bank_row[b] = same_row[b] ? row : next_row;
  end

  fvgm_buffer_banks #(
    .Units(Units),
    .Banks(Banks),
    .WriteUnits(WriteUnits),
    .WritePorts(WritePorts),
    .AddrBits(AddrBits),
    .Narrow(Narrow)
  ) u_banks (
    .clk_i,
    .rst_ni,
    .rd_en_i(bank_re),
    .rd_row_i(bank_row),
    .rd_data_o(bank_data),
    .wr_valid_i,
    .wr_ready_o,
    .wr_mask_i,
    .wr_addr_i,
    .wr_data_i
  );

  // A slot's choice, one of four: the lower or the upper eight bytes of its pair, or one of two banks.
  logic pending_q, int8_q;
  logic [SlotBits-1:0] first_q;  // slot of line 0
  logic [Slots-1:0] high_q;      // INT8: the upper eight bytes; FP16: the bank in the upper half

  always_ff @(posedge clk_i) begin
    if (!rst_ni) pending_q <= 1'b0;
    else pending_q <= rd_valid_i;
  end

  always_ff @(posedge clk_i) begin
    if (rd_valid_i) begin
      int8_q <= rd_int8_i;
      first_q <= rd_int8_i ? bank[BankBits-1:1] : bank[SlotBits-1:0];
      for (int unsigned s = 0; s < Slots; s++) begin
        high_q[s] <= rd_int8_i ? rd_upper_i
                               : bank[BankBits-1] != (SlotBits'(s) < bank[SlotBits-1:0]);
      end
    end
  end

  logic [Slots-1:0][127:0] pair, slot, line;

  always_comb begin
    for (int unsigned s = 0; s < Slots; s++) begin
      for (int unsigned k = 0; k < 8; k++) begin
        pair[s][16*k+:16] = high_q[s] ? {bank_data[2*s+1][64+8*k+:8], bank_data[2*s][64+8*k+:8]}
                                      : {bank_data[2*s+1][8*k+:8], bank_data[2*s][8*k+:8]};
      end
      slot[s] = int8_q ? pair[s] : high_q[s] ? bank_data[s+Slots] : bank_data[s];
    end
  end

  fvgm_rotate #(
    .Count(Slots),
    .Width(128)
  ) u_rotate (
    .first_i(first_q),
    .data_i(slot),
    .data_o(line)
  );

  always_ff @(posedge clk_i) begin
    if (pending_q) rd_data_o <= line[Lines-1:0];
  end

  if (Slots > Lines) begin : gen_unused_lines
    logic unused_lines;
    assign unused_lines = ^line[Slots-1:Lines];
  end
  if (AddrBits > UnitBits) begin : gen_unused_addr
    logic unused_addr;
    assign unused_addr = ^rd_addr_i[AddrBits-1:UnitBits];
  end

  `include "fvgm_assert.svh"
  `FVGM_ASSERT(Int8Even, rd_valid_i && rd_int8_i |-> !rd_addr_i[0])

endmodule
